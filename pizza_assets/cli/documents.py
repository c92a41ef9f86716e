"""Files that derive from the code: the data dictionary, .env.example, compiled charts, templates of CloudFormation.

``make dictionary`` writes them; a test holds them up to date. Does not belong here: prose.
"""

import json
from pathlib import Path

from pydantic import SecretStr

from pizza_assets.aws.stacks import TEMPLATES, as_yaml
from pizza_assets.contracts import CONTRACTS, data_dictionary
from pizza_assets.dashboard.charts import compiled
from pizza_assets.dashboard.contract import SALES_BY_PRODUCT
from pizza_assets.dashboard.datasets import DATA_SETS
from pizza_assets.merchants.contract import PUBLISHED_RUN
from pizza_assets.settings import Settings
from pizza_assets.warehouse.contract import FACT_SALES, MATCH_DATES, PIZZA_VS_FOOTBALL, VIEWS


def dictionary() -> str:
    """Return the data dictionary of every contract, as Markdown."""
    dashboard = {f"dashboard: {name}": schema for name, schema in {**DATA_SETS, "sales": SALES_BY_PRODUCT}.items()}
    of_warehouse = (FACT_SALES, MATCH_DATES, *VIEWS.values(), PIZZA_VS_FOOTBALL, PUBLISHED_RUN)
    in_warehouse = {f"warehouse: {schema.name}": schema for schema in of_warehouse}
    return data_dictionary({**CONTRACTS, **in_warehouse, **dashboard})


def env_example() -> str:
    """Return .env.example: every setting with its meaning and its default, switched off."""
    lines = ["# Copy to .env and remove the '#' in front of what you change. The environment wins over this file."]
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        if isinstance(default, tuple):
            default = ",".join(default)
        elif isinstance(default, dict):
            default = json.dumps(default)
        elif isinstance(default, bool):
            default = str(default).lower()
        shown = "" if default is None or isinstance(default, SecretStr) else default
        lines += ["", f"# {field.description}", f"# {name.upper()}={shown}"]
    return "\n".join(lines) + "\n"


def templates() -> dict[str, str]:
    """Return the templates of CloudFormation by the name of their file in deploy/aws/."""
    head = "# Written by 'make dictionary' from pizza_assets/aws/templates; 'pizza-assets aws deploy' sends the same.\n"
    return {f"{kind}.yaml": head + as_yaml(template()) for kind, template in TEMPLATES.items()}


def documents() -> dict[str, str]:
    """Return the text of each file, by its path below the project's root."""
    charts = {f"pizza_assets/dashboard/page_assets/{name}": text for name, text in compiled().items()}
    on_aws = {f"deploy/aws/{name}": text for name, text in templates().items()}
    return {"docs/data-dictionary.md": dictionary(), ".env.example": env_example(), **charts, **on_aws}


if __name__ == "__main__":
    for path, text in documents().items():
        Path(path).write_text(text, encoding="utf-8")
