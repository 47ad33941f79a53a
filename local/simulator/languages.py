"""What the instance's refusals say to a user whose language is not English.

ServiceNow translates messages by the user's `preferred_language`. Nothing public shows the translations, so the texts
stand for any that a caller has never seen; names of tables, fields and rules are not translated.
"""

import re
from typing import Literal

type Language = Literal["en", "de"]

_GERMAN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(english), german)
    for english, german in (
        (r"^Operation Failed$", "Vorgang fehlgeschlagen"),
        (r"^User Not Authorized$", "Benutzer nicht berechtigt"),
        (r"^User Not Authenticated$", "Benutzer nicht authentifiziert"),
        (r"^Required to provide Auth information$", "Authentifizierungsdaten sind erforderlich"),
        (r"^Failed API level ACL Validation$", "ACL-Validierung auf API-Ebene fehlgeschlagen"),
        (r"^Access to unscoped api is not allowed$", "Zugriff auf API ohne Geltungsbereich nicht zulässig"),
        (r"^Missing required api access scope: (.*)$", r"Erforderlicher API-Geltungsbereich fehlt: \1"),
        (r"^Insufficient rights to query records$", "Unzureichende Rechte zum Abfragen von Datensätzen"),
        (r"^Field\(s\) present in the query .*$", "Die Abfrage enthält Felder ohne Leseberechtigung"),
        (r"^ACL Exception Query Failed .*$", "ACL-Ausnahme: Abfrage fehlgeschlagen"),
        (r"^ACL Exception Insert Failed .*$", "ACL-Ausnahme: Einfügen fehlgeschlagen"),
        (r"^ACL Exception Update Failed .*$", "ACL-Ausnahme: Aktualisieren fehlgeschlagen"),
        (r"^ACL Exception Delete Failed .*$", "ACL-Ausnahme: Löschen fehlgeschlagen"),
        (r"^Data Policy Exception: \s*The following fields are mandatory: (.*)$", r"Pflichtfelder fehlen: \1"),
        (
            r"^Operation against file '(.*)' was aborted by Business Rule '(.*?)'.*$",
            r"Vorgang für Datei '\1' wurde von Geschäftsregel '\2' abgebrochen",
        ),
        (r"^No Record found$", "Kein Datensatz gefunden"),
        (
            r"^Record doesn't exist or ACL restricts the record retrieval$",
            "Datensatz existiert nicht oder ACL schränkt den Abruf ein",
        ),
        (r"^Requested URI does not represent any resource$", "Der angeforderte URI stellt keine Ressource dar"),
        (r"^Invalid table (.*)$", r"Ungültige Tabelle \1"),
        (r"^Rate limit exceeded$", "Ratenlimit überschritten"),
    )
)


def translated(text: str | None, language: Language) -> str | None:
    """Return a message or detail in the user's language; what has no translation stays as it is."""
    if text is None or language == "en":
        return text
    for english, german in _GERMAN:
        if english.match(text):
            return english.sub(german, text)
    return text
