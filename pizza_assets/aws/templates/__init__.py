"""CloudFormation's templates, as functions: prefixes, metrics and permissions come from the code that uses them.

``make dictionary`` writes them to ``deploy/aws/``, where people and linters read them.
"""
