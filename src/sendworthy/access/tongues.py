"""Which language a text is in, as far as it matters: English, Japanese or another. Understands none of them."""

from __future__ import annotations

import re
from enum import StrEnum

_OTHER_SCRIPT = re.compile(r"[\uac00-\ud7af\u0400-\u04ff\u0600-\u06ff\u0e00-\u0e7f\u0590-\u05ff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_WORD = re.compile(r"[^\W\d_]+")
_A_FEW = 5
"""So many letters of a script are more than a name in a text of another language."""

_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "the to of and a in is you your we for this that it on are with be have has not can our as at i by or from",
    )
)
_FOREIGN = frozenset(
    re.findall(
        r"\w+",
        "der die das und ihre sie wir nicht für mit haben vielen ist den dem le la les des vous votre nous avons et "
        "est pour dans que el los su con para por una uno gracias de do da os as você sua em não ainda uma een het van "
        "wij niet voor di che il per della grazie abbiamo vostro",
    )
)


class Tongue(StrEnum):
    """The languages in which AWS answers about SES, and all others."""

    ENGLISH = "en"
    JAPANESE = "ja"
    OTHER = "other"


def tongue(text: str) -> Tongue:
    """Tell the language of lower-case `text`, by its script and by the small words that every sentence has."""
    if _OTHER_SCRIPT.search(text):
        return Tongue.OTHER
    if len(_KANA.findall(text)) > _A_FEW:
        return Tongue.JAPANESE
    if len(_HAN.findall(text)) > _A_FEW:
        return Tongue.OTHER
    words = _WORD.findall(text)
    english = sum(word in _ENGLISH for word in words)
    foreign = sum(word in _FOREIGN for word in words)
    return Tongue.OTHER if foreign > english and foreign > 2 else Tongue.ENGLISH
