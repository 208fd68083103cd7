"""The English phrases that speak of the account: under review, paused, restored; and of a request on its way."""

from __future__ import annotations

from sendworthy.access.signs import Sign, rule

_S = Sign

ACCOUNT_RULES = (
    # The account is under review.
    rule(
        _S.UNDER_REVIEW,
        r"\b(?:account|sending|it)\b.{0,60}(?:under|on) (?:review|probation)\b|"
        r"placed\b.{0,80}under review|put\b.{0,60}(?:under review|on probation)|"
        r"under review (?:following|because|after|since|for)",
        unless=r"\b(?:request|application|case|appeal)\b.{0,60}under review|no longer under review|"
        r"not under review|removed|might|may\b",
    ),
    rule(
        _S.UNDER_REVIEW,
        r"review period|opened a new review of (?:the|your) account|\bprobation\b",
        unless=r"no (?:review )?period|no longer|review period (?:is over|has ended|was)",
    ),
    rule(_S.UNDER_REVIEW, r"review will end|end(?:s)? (?:of )?the review|review can end|remains under review"),
    rule(
        _S.RATE,
        r"your current (?:bounce|complaint) rate is \d+(?:[.,]\d+)? ?%|"
        r"measured (?:this rate )?(?:over|on) the last [\d,]+ (?:eligible )?",
        unless=r"mailgun",
    ),
    rule(
        _S.RATE,
        r"(?:bounc|complain|spam)\w*.{0,80}\d+(?:\.\d+)? ?(?:%|percent)|\d+(?:\.\d+)? ?(?:%|"
        r"percent)[^%]{0,80}(?:bounc|complain|spam)",
        unless=r"recommend|\bkeep (?:your|it|both)|maintain|stay|\bshould\b|if your|general advice|"
        r"conditional|below 1%|please remember|less than|aren't the cause|not the cause",
    ),
    rule(
        _S.RATE,
        r"(?:bounce|complaint) rate(?: of| is| was|:)? \(?\d+(?:\.\d+)? ?%|"
        r"current value:? \d+(?:\.\d+)? ?%|(?:the|that|this) rate (?:is|was|"
        r"stands at) \d+(?:\.\d+)? ?%",
        unless=r"we recommend|recommend that|\bkeep (?:your|it|both)|maintain|\bshould\b|if your|"
        r"general advice|conditional|please remember|aren't the cause|not the cause",
    ),
    rule(
        _S.RATE,
        r"(?:bounce|complaint) rate\b.{0,60}(?:too high|above|over|exceed|higher than|rose|risen|"
        r"increased|climbed|went up)",
        unless=r"\bif\b|\bwhen\b",
    ),
    rule(
        _S.PEOPLE,
        r"human review|manual (?:review|investigation|assessment|check|inspection)|\binvestigators?\b|"
        r"by hand\b|(?:reviewers?|specialists?|colleagues?|someone on our team|member of our team|"
        r"staff|our team|people)\b.{0,40}\b(?:read|looked into|found|went through|examined|noticed|"
        r"discovered|contacted us|reported|verified)",
        unless=r"(?:trust|request|appeal).{0,30}review team|will (?:read|look)|has been notified|"
        r"confirmed (?:the|these|this) (?:figure|rate|measure)",
    ),
    rule(
        _S.RULED_OUT,
        r"not due to (?:your )?bounces or complaints|(?:rates?|metrics|figures)\b.{0,60}(?:weren't|"
        r"were not|aren't|are not|isn't|is not) (?:the )?(?:reason|cause)|(?:nothing|"
        r"n't) (?:the result of your metrics|to do with your (?:bounce|complaint|rates?))|"
        r"your (?:rates|figures) are fine|within the limits|you won't see this in your metrics|"
        r"isn't the result of your metrics",
    ),
    # Nothing goes out.
    rule(
        _S.PAUSED,
        r"sending paused\b|sendingpausedexception|accountsuspendedexception",
        alone=True,
        unless=r"\bif\b|\bmight\b|\bmay\b|\bno longer\b",
    ),
    rule(
        _S.PAUSED,
        r"\bpaused (?:the ability|your|this|the|sending|it\b)|\b(?:been|is|was|now|currently|stays?|"
        r"remains?|still) (?:currently |now |still )?paused\b",
        stated=True,
    ),
    rule(
        _S.PAUSED,
        r"(?:suspended|disabled|stopped|blocked|switched off|turned off|revoked)\b.{0,60}\b(?:sending|"
        r"send|ses)\b|\bsending\b.{0,40}(?:was|has been|is|were) (?:suspended|disabled|stopped|"
        r"blocked|switched off|turned off)",
        stated=True,
    ),
    rule(
        _S.PAUSED,
        r"(?:account|you|it)\b.{0,30}\b(?:can't|cannot|can no longer|isn't able to|won't be able to|"
        r"is unable to) send (?:any )?(?:e-?mail|mail|messages)\b",
        unless=r"eligible|sandbox|\bif\b|might|to (?:unverified|addresses)",
    ),
    rule(
        _S.PAUSED,
        r"(?:unable|can't|cannot|not able|not ready|before we can|won't) (?:to )?(?:lift|remove|"
        r"end) the (?:pause|suspension)",
    ),
    # A review of the account ended, or a pause is lifted.
    rule(
        _S.LIFTED,
        r"\b(?:can|able to) send (?:e-?mails?|mail|messages) again\b|"
        r"(?:lifted|removed|ended) the (?:pause|suspension|restriction)|(?:pause|"
        r"suspension)\b.{0,60}(?:has been|was|is) (?:now )?(?:lifted|removed|over|ended)|(?:restored|"
        r"re-?enabled|re-?instated|resumed|reactivated)\b.{0,60}\b(?:sending|send|account)\b|"
        r"\b(?:sending|account|ability)\b.{0,80}(?:has been|was|is|have been) (?:now )?(?:restored|"
        r"re-?enabled|re-?instated|resumed|reactivated)",
        stated=True,
    ),
    rule(
        _S.LIFTED,
        r"(?:no longer|not any more|taken out of|removed\b.{0,40}from) (?:under |on )?(?:review|"
        r"probation)|(?:ended|completed|closed|concluded) (?:the|this|our) review (?:period )?(?:of|"
        r"for|on) your (?:\w+ )?account|review (?:period )?(?:of|for|"
        r"on) your (?:\w+ )?account\b.{0,40}(?:has|is|was) (?:now )?(?:ended|over|closed|complete|"
        r"completed|concluded)|returned\b.{0,60}(?:to )?(?:a )?healthy|status (?:is|"
        r"has been).{0,30}healthy",
        stated=True,
    ),
    # On its way.
    rule(
        _S.WAITING,
        r"(?:we(?:'ve| have)?|i(?:'ve| have)?) (?:also )?(?:received|got)\b|(?:has|"
        r"have) been received|got it\b|has reached us|reached us\b|request has been received",
    ),
    rule(
        _S.WAITING,
        r"(?:case|request|ticket) (?:has been|was) (?:created|opened|received|forwarded|routed|"
        r"escalated|assigned|submitted)|opened a (?:support )?case|status: (?:case_opened|pending)|"
        r"work in progress",
    ),
    rule(
        _S.WAITING,
        r"(?:will|'ll|we aim to|expect to|should|usually) (?:\w+ )?(?:review|look at|respond|get back|"
        r"reply|answer|write|hear|be in touch|keep you|give you a)\b",
    ),
    rule(
        _S.WAITING,
        r"(?:passed|forwarded|handed|attached|routed|escalated|transferred|added|"
        r"sent)\b.{0,60}(?:team|specialist|review|reviewers|queue|request|aws support)|"
        r"asked (?:a specialist|for an update)|in the queue|taking over this case|waiting for review",
    ),
    rule(
        _S.WAITING,
        r"(?:request|case|appeal)\b.{0,80}(?:under review|being reviewed|in review|"
        r"not been forgotten)|(?:hasn't|have not|haven't|has not) finished|nothing you need to do|"
        r"i'll keep you posted|keep you (?:posted|informed|updated)",
    ),
    rule(
        _S.TOLD_ELSEWHERE,
        r"(?:completed|finished) (?:our|the) (?:review|assessment) of your request and$|"
        r"find our decision|our decision\b.{0,40}attached|(?:has been|was|is) (?:set to )?resolved|"
        r"content isn't shown|new correspondence|\[\.\.\.\]|how did we do|"
        r"thank you for your patience while we reviewed",
    ),
)
