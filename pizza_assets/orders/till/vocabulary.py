"""How tills call things: names of columns in several languages, and words for what is no order.

Belongs here: words, folded (no case, no accents, no punctuation). Does not belong here: what follows from them
(``evidence.py``).
"""

from collections.abc import Mapping, Sequence

from pizza_assets.orders.till.profile import Field, Kind


def _words(text: str) -> Sequence[str]:
    return [word.strip() for word in text.split(",")]


#: Names of a field's column; an earlier one is taken before a later one.
NAMES: Mapping[Field, Sequence[str]] = {
    "order_id": _words(
        "order id, order number, order no, order nr, order ref, order reference, receipt, receipt number, receipt no, "
        "receipt id, transaction id, transaction number, transaction no, bill number, bill no, check number, check no, "
        "check id, ticket number, ticket no, ticket, invoice number, invoice no, invoice, sale id, sale number, "
        "sales id, order, transaction, bill, check, bon, bon nr, bonnummer, bonnr, belegnummer, beleg nr, beleg, "
        "rechnungsnummer, rechnung, bestellnummer, numero de commande, numero commande, commande, numero de ticket, "
        "numero ticket, numero scontrino, scontrino, numero ordine, ordine, numero de pedido, pedido, factura, "
        "n ticket, n de ticket, n commande, n de commande, n facture, num ticket, num commande, no ticket, "
        "n scontrino, n ordine, n pedido, bestelnummer, bonnetje, payment id, id, number, no, nr, numero"
    ),
    "time": _words(
        "order datetime, order date time, order timestamp, date time, datetime, date and time, timestamp, sold at, "
        "ordered at, created at, placed at, order placed, order time, order date, transaction date, sale date, "
        "sale time, receipt date, opened, opened at, created, closed at, paid at, paid, closed, business date, zeit, "
        "zeitpunkt, datum uhrzeit, datum zeit, datum und uhrzeit, bestellzeit, verkauft am, date heure, date et heure, "
        "fecha y hora, fecha hora, data ora, data e ora, datum tijd, date, datum, fecha, data, jour, dia, time"
    ),
    "shop": _words(
        "shop, shop name, store, store name, location, location name, branch, branch name, outlet, outlet name, site, "
        "site name, restaurant, restaurant name, venue, venue name, filiale, standort, betrieb, tienda, sucursal, "
        "magasin, etablissement, boutique, negozio, punto vendita, vestiging, winkel, filiaal, store id, shop id, "
        "location id, store address, address, adresse"
    ),
    "total": _words(
        "order total, total price, total amount, total paid, amount paid, grand total, total, total collected, "
        "gross total, total incl tax, total inc tax, total including tax, line total, item total, net total, "
        "gross sales, net sales, amount, summe, gesamt, gesamtbetrag, gesamtsumme, betrag, endbetrag, brutto, umsatz, "
        "total ttc, montant ttc, montant, totale, importo, importe, total con iva, bedrag, totaal, totaalbedrag, "
        "gesamtpreis, basket value, order value, sales incl vat, sales, food drink total, total money amount, "
        "subtotal, gross, net, price gross, price, preis, prix, precio, prezzo, prijs, value, sum"
    ),
    "pizzas": _words(
        "pizza types, pizza type, pizzas, pizza names, pizza name, pizza, pizzen, items, item name, item, "
        "line items, lineitems, "
        "product name, product, products, menu item, lineitem name, description, order items, contents, artikel, "
        "artikelname, artikelbezeichnung, bezeichnung, produkt, produktname, produit, article, articles, designation, "
        "prodotto, articolo, producto, articulo, product omschrijving, omschrijving, name"
    ),
    "quantity": _words(
        "quantity, qty, pizza count, number of pizzas, item quantity, item qty, lineitem quantity, quantity sold, "
        "anzahl, menge, stuck, stueck, quantite, qte, quantita, qta, cantidad, cant, aantal, units, count, pieces"
    ),
    "currency": _words("currency, currency code, waehrung, wahrung, devise, valuta, moneda"),
    "category": _words(
        "category, item category, product category, menu group, sales category, kategorie, warengruppe, categorie, "
        "categoria, department, lineitem type"
    ),
}
#: Amounts that are, by their name, those of a whole order.
ORDER_TOTALS = frozenset(
    _words(
        "order total, order amount, order value, total paid, amount paid, grand total, total collected, bill total, "
        "check total, receipt total, transaction total, total amount, gesamtsumme, gesamtbetrag, total commande"
    )
)
#: Names of a column of times of day, beside one of dates.
CLOCKS = _words("time, time of day, order time, sale time, transaction time, uhrzeit, zeit, heure, hora, ora, tijd")

#: Columns that say yes or no, by what a yes means.
FLAGS: Mapping[Kind, Sequence[str]] = {
    "void": _words(
        "void, voided, is void, is voided, void status, cancelled, canceled, is cancelled, is canceled, deleted, "
        "storno, storniert, annule, annullato, anulado, geannuleerd"
    ),
    "refund": _words(
        "refunded, is refunded, is refund, is return, returned, erstattet, rembourse, rimborsato, devuelto"
    ),
    "test": _words("test, is test, test order, training, training mode, is training"),
}
YES = _words("true, 1, yes, y, x, ja, j, oui, o, si, s, void, voided, cancelled, canceled, storniert, wahr, vrai, vero")
#: Columns that say what a row is, and the words for what is no order.
#: Beside a word for what is no order: the order stands.
NOT_WHOLLY = frozenset(_words("partial, partially, partly, part, not, no, non, never, un, teilweise, nicht, partiel"))
STATES = _words(
    "status, state, order status, order state, transaction status, payment status, financial status, check status, "
    "result, type, transaction type, order type, event type, sale type, receipt type, document type, record type, "
    "payment state, order payment state, bon typ, belegart, belegtyp, statut, stato, estado, typ"
)
WORDS: Mapping[Kind, Sequence[str]] = {
    "void": _words(
        "void, voided, cancelled, canceled, cancel, cancellation, deleted, declined, failed, abandoned, storno, "
        "storniert, annule, annulee, annulation, annullato, anulado, anulada, geannuleerd, rejected, refused, "
        "no sale, cash in, cash out, paid in, paid out, pay in, pay out, payin, payout, float, open drawer"
    ),
    "refund": _words(
        "refund, refunded, return, returned, credit, credit note, reversal, reversed, chargeback, erstattung, "
        "ruckerstattung, rueckerstattung, gutschrift, retoure, remboursement, rembourse, avoir, rimborso, reso, "
        "devolucion, reembolso, retour, terugbetaling"
    ),
    "test": _words("test, training, test order, schulung, demo"),
    "total": _words("total, totals, subtotal, summary, summe, totale"),
}
