"""The phrases of AWS's English answers to a request, each with what it shows. AWS publishes no list of them."""

from __future__ import annotations

import re

from sendworthy.access.signs import Language, Sign, rule
from sendworthy.access.signs_en_account import ACCOUNT_RULES

_S = Sign
_MAIL = r"(?:messages?|e-?mails?|mails?)"
_GIVE = r"(?:grant|approve|accommodate|fulfil+|accept|honou?r|authori[sz]e|process|consider)"
_NOT = (
    r"(?:unable to|can(?:no|')t|cannot|could ?n[o']t|(?:are|is|were|was)(?:n't| not) able to|"
    r"won't be able to|will not|won't|(?:do|did)(?: not|n't)|decided not to|not in a position to)"
)
_QUOTA = r"(?:quotas?|limits?|rates?|sending limits?)"
_ASKING = (
    r"(?:please (?:\w+ ){0,2}(?:tell|describe|explain|provide|share|send|include|give|reply|write|"
    r"answer|paste|let us know|confirm|list)"
    r"|(?:could|can|would) you (?:please |also |kindly )?(?:\w+ )?(?:tell|describe|explain|"
    r"provide|share|send|give|clarify|confirm|let)"
    r"|(?:^|[,;:] )(?:and |also |specifically,? )?(?:tell|write to|describe to|send|give) us\b|"
    r"let us know (?:how|what|where|whether|which|why)|help us (?:to )?understand"
    r"|(?:we|i)(?:'d| would)? (?:also )?(?:need|like|have|want) (?:to (?:know|understand|see|"
    r"gather|learn|ask|hear|have)|some more|more|a (?:little|few|bit) more|further|additional|"
    r"the following)"
    r"|need (?:some |a little |a bit )?(?:more|further|additional) (?:information|details?|from you)"
    r"|more (?:information|details?) about (?:your|the) use[- ]case|we need \(?[a1]\)|"
    r"quick question|one thing is still unclear"
    r"|(?:still|are|is) (?:missing|waiting for) (?:your|an) answers?)"
)

_TOPICS = (
    r"how (?:often|frequently|much|many)\b.{0,40}\b(?:send|sent|mail|messages|hear)",
    r"(?:frequency|volume) of (?:your )?(?:sending|mail|e-?mail)|sending frequency",
    (
        r"(?:maintain|build|built|clean|manage|collect|obtain|acquire|get|got|source of|"
        r"come from).{0,40}\b(?:lists?|addresses|contacts|recipients|subscribers)\b"
    ),
    (
        r"\b(?:lists?|addresses|contacts|recipients)\b.{0,40}\b(?:come from|maintain|collected|"
        r"sign(?:ed)? up|subscribe|opt(?:ed)?[- ]in|agreed|consent)"
    ),
    (
        r"how (?:do |did |does |can )?(?:the )?(?:a |your )?(?:people|person|recipients?|users?|"
        r"members?|subscribers?|you collect)\b.{0,60}"
    ),
    r"\b(?:opt(?:ed)?[- ]in|sign(?:ed)? up|consent)\b",
    r"\bbounces?\b|\bcomplaints?\b|\bcomplains\b",
    r"\bunsubscrib\w*|\bopt[- ]?outs?\b|stop getting",
    r"\b(?:examples?|samples?)\b",
    (
        r"\buse[- ]case\b|what (?:you will be|each of them will be|it will be|"
        r"they will be) (?:sending|used)|plan to use|describe your business"
    ),
    r"\bwebsite\b|\bweb site\b",
    r"\btransactional\b[^?]{0,60}\bmarketing\b|\bkinds? of (?:messages|mail|e-?mail)",
    r"how you arrived at|when you expect to reach|figure|justif|why you need",
)

_RULES = (
    # Given, and in force.
    rule(_S.GRANTED, r"new sending quota is [\d,.]+", stated=True, alone=True),
    rule(_S.GRANTED, r"new (?:daily )?(?:sending )?(?:quota|limit|rate|value) ?(?:is|:) ?[\d,.]+", stated=True),
    rule(_S.GRANTED, r"(?:maximum )?send(?:ing)? rate is now [\d,.]+", stated=True, alone=True),
    rule(_S.GRANTED, rf"sending (?:quota|limit): [\d,.]+ {_MAIL} per", stated=True),
    rule(
        _S.GRANTED,
        r"(?:(?:moved|taken|removed|brought) (?:your account |it )?out of|(?:moved|"
        r"removed) (?:your account |it )?from|(?:is|"
        r"are) (?:now )?out of) the (?:amazon )?(?:ses )?sandbox",
        stated=True,
    ),
    rule(
        _S.GRANTED,
        r"(?:request|increase|application|case|upgrade|quota)\b.{0,60}\b(?:has been|was|is|'s been|"
        r"have been) (?:now )?(?:granted|approved|completed)\b(?! (?:by|on) (?:the )?(?:form|"
        r"customer))",
        stated=True,
        unless=r"\bpart\b",
    ),
    rule(
        _S.GRANTED,
        r"\b(?:we|i|team|have|'ve)\b.{0,20} (?:approved|granted|accepted)\b.{0,40}\b(?:request|"
        r"increase|access|application|plan|quota|limit|it|this)\b",
        stated=True,
    ),
    rule(
        _S.GRANTED,
        r"(?:now has|now have|been given|gained) production access|production access (?:is|"
        r"has been)(?: now)? (?:active|enabled|on|live|granted)|enabled production access",
        stated=True,
    ),
    rule(
        _S.GRANTED,
        r"can now send to (?:any|all|every|unverified)|no longer need to verify your recipients|"
        r"can now send (?:up to )?[\d,]+",
        stated=True,
    ),
    rule(
        _S.GRANTED,
        r"(?:quota|limit)\b.{0,50}\b(?:has (?:therefore )?been|was|is) (?:now )?(?:set|raised|"
        r"increased) (?:to|from)",
        stated=True,
    ),
    rule(_S.GRANTED, rf"(?:we|i)(?:'ve| have)? (?:increased|raised) your\b.{{0,60}}\b{_QUOTA}", stated=True),
    rule(_S.GRANTED, r"\bstatus: approved\b", stated=True),
    rule(_S.GRANTED, r"able to approve part", stated=True),
    # The reviewers would give it.
    rule(
        _S.WILLING,
        r"(?:ready|willing|happy|prepared|agree[sd]?|inclined) to (?:approve|grant|your request|"
        r"enable|move)|can approve your request",
    ),
    rule(_S.WILLING, r"(?:answers?|request|use case|set-?up)\b.{0,30} looks? good"),
    rule(_S.WILLING, r"provisionally approved|approved (?:your plan|in principle)|conditionally approved"),
    # Less, for a time, in steps.
    rule(
        _S.PARTIAL,
        r"approve[d]? part of|partially approved|(?:first|second|other) (?:half|part) of your request|"
        r"part of (?:this|your request|it)\b",
    ),
    rule(
        _S.PARTIAL,
        r"(?:granted|approved) (?:a |your request for a )?(?:partial|lower|smaller|reduced)|"
        r"lower than (?:the (?:amount|limit|quota) )?(?:you|what you) (?:requested|asked)",
    ),
    rule(
        _S.PARTIAL,
        r"instead of the [\d,]+|lower level|smaller (?:step|quota)|\bfirst step\b|\bin steps\b|"
        r"step by step|\beach step\b|to get you started",
    ),
    rule(_S.PARTIAL, r"\bwhat we can do\b|fewer than you asked|not the (?:full )?[\d,]+"),
    rule(
        _S.PARTIAL,
        r"\btemporar(?:y|ily)\b|for a limited time|(?:it|this)(?:'ll| will) go back to|"
        r"\bprovisional(?:ly)?\b|until that review is complete",
    ),
    rule(
        _S.PARTIAL,
        r"(?:approved?|enabled|granted)\b.{0,80}\bonly\b|\bonly\b.{0,30}(?:approved|granted)",
        unless=r"can only (?:consider|approve)",
    ),
    rule(
        _S.PARTIAL,
        r"(?:aren't|are not|didn't|did not|won't be) (?:extending|approve|extend).{0,60}(?:region|"
        r"it to)",
    ),
    # Given once something is done.
    rule(_S.CONDITION, r"(?:on (?:the )?condition|provided) that|conditional(?:ly)? on|subject to your"),
    rule(
        _S.CONDITION,
        r"(?:once|as soon as|after|when|if) (?:you|we see|we've seen|both|that|"
        r"this)\b.{0,120},? (?:we|i)(?:'ll| will| can) (?:then )?(?:move|enable|switch|activate|grant|"
        r"approve|lift|raise)",
        unless=r"(?:request|it) (?:is|has been|was) approved",
    ),
    rule(
        _S.CONDITION,
        r"(?:and|then) (?:i|we)(?:'ll| will) (?:move|enable|switch|activate)\b.{0,60}(?:production|"
        r"sandbox|access|straight away)",
    ),
    rule(_S.CONDITION, r"nothing changes on your account before"),
    # A no.
    rule(
        _S.REFUSED,
        rf"\b{_NOT} (?:\w+ ){{0,2}}{_GIVE}(?:e?d)?\b",
        unless=r"\bif (?:we|i)\b|until (?:we|you|i)\b|can (?:no|')t tell",
    ),
    rule(
        _S.REFUSED,
        r"\b(?:den(?:y|ied|ying)|declin(?:e|ed|ing)|reject(?:ed|ing)?|turn(?:ed|ing) down|refus(?:e|"
        r"ed|ing))\b",
        stated=True,
        unless=r"message rejected|mail (?:that|you)|\bif\b|now rejected",
    ),
    rule(_S.REFUSED, r"\b(?:not|n't)(?: been)? (?:yet )?(?:granted|approved|accepted|successful)\b"),
    rule(_S.REFUSED, r"status: (?:not_approved|denied)"),
    rule(
        _S.REFUSED,
        r"(?:stop|prevent|keep) us from (?:approving|granting|raising)|(?:won't|not) be (?:raising|"
        r"granting|approving|moving|enabling)|can't go above|(?:can't|cannot|unable to) (?:move|lift|"
        r"raise|enable|change|offer|reverse|give you)",
    ),
    rule(
        _S.REFUSED,
        r"(?:decision|answer|outcome|conclusion|result) (?:is|remains|stays|was|has to be|stands|"
        r"is still) (?:a )?(?:no\b|unchanged|negative|the same|as it was|final)|(?:stand|"
        r"staying) by (?:our|the) (?:earlier |first |original |previous )?(?:decision|answer)|uphold|"
        r"(?:stays|remains) denied|(?:isn't|is not) something (?:that )?we can|(?:isn't|"
        r"is not) possible (?:for us )?to (?:grant|approve|move|enable|lift)",
    ),
    rule(_S.GENERIC, r"could have a negative (?:impact|effect) on (?:our|the) service"),
    rule(_S.GENERIC, r"(?:prevent|protect|keep) other (?:amazon ses |ses )?(?:customers|senders|users)\b"),
    rule(
        _S.GENERIC,
        r"for (?:security|safety) (?:purposes|reasons),?.{0,60}(?:unable|can't|cannot|not able|won't)|"
        r"(?:unable|can't|cannot|not able).{0,60}for (?:security|safety) (?:purposes|reasons)",
    ),
    rule(
        _S.GENERIC,
        r"(?:risk|harm|damage|negative|adverse|detriment)\w*\b.{0,60}\b(?:our|the|shared|amazon|"
        r"other) (?:ses )?(?:service|customers|senders|ips?|ip addresses|reputation|infrastructure|"
        r"platform)",
        unless=r"acceptable use|affiliate",
    ),
    # After more information, or a second look.
    rule(
        _S.AGAIN,
        r"\bstill (?:unable|can't|cannot|not|the same|no|have to|must)\b|\bstays? (?:a )?(?:no|"
        r"the same)\b",
    ),
    rule(
        _S.AGAIN,
        r"(?:thank|appreciat|provid|sent|submit|review|consider|receiv|look|read|after|despite|with|"
        r"gave|given|shar)\w*\b.{0,60}(?:additional|further|new|more|revised) (?:information|details?|"
        r"explanations?|description)(?! (?:about your mail )?would)\b",
        unless=r"(?:can't|cannot|unable|not able|won't|don't|doesn't need|don't need).{0,60}(?:information|"
        r"details)|go into|need (?:some )?(?:more|further)|further information about your mail|"
        r"to read|how to",
    ),
    rule(
        _S.AGAIN,
        r"(?:thank(?:s| you).{0,20}|appreciate|considered|read|reviewed|received|despite|"
        r"with) (?:for )?(?:your|the) (?:\w+ ){0,3}(?:reply|repl(?:y|ies)|response|answers?|appeal|"
        r"explanations?|follow-up|clarifications?|patience while we re-)",
    ),
    rule(
        _S.AGAIN,
        r"\b(?:second(?:ary)?|another|renewed|fresh) (?:look|review|assessment|reviewer|evaluation)\b|"
        r"looked (?:at (?:it|this|your \w+) )?again|re-?(?:evaluated|assessed|reviewed|examined|"
        r"considered)|went (?:over|through) .{0,40}again|gone (?:back )?over",
    ),
    rule(
        _S.AGAIN,
        r"impact the deliverability of our service|(?:effect|impact) on (?:the )?deliverability|"
        r"would affect your reputation as a sender",
    ),
    rule(
        _S.AGAIN,
        r"(?:previous|earlier|first|original|initial) (?:decision|answer|conclusion|assessment|"
        r"outcome)|(?:answer|decision|outcome|conclusion) (?:\w+ ){0,3}(?:hasn't|has not|doesn't|"
        r"does not|didn't|did not) change|n't change (?:our|the) (?:conclusion|decision|assessment|"
        r"answer|outcome)",
    ),
    # An increase is refused.
    rule(
        _S.INCREASE,
        r"approve an increase|(?:quota|limit|rate) increase|increase (?:of|in|to) (?:your|the)|"
        r"higher (?:maximum )?(?:send )?(?:rate|quota|limit)|further increase|"
        r"raising the (?:daily )?(?:sending )?quota|raise the (?:daily )?(?:sending )?quota|"
        r"larger quota|increase couldn't|sending quota to [\d,]+|sending limits?",
    ),
    rule(_S.CONCERN, r"unable to approve an increase at this time|status: not_approved"),
    rule(
        _S.CONCERN,
        r"(?:identified|see|found|have|raised?|brought up|were|noted|because of|"
        r"of its sending) (?:\w+ ){0,2}concerns?\b|\bconcern us\b|assessment criteria|criteria (?:of|"
        r"for) our|what we look at isn't public",
    ),
    # The account itself.
    rule(_S.STANDING, r"limiting factors on (?:your|the|this) account", stated=True),
    rule(
        _S.STANDING,
        r"not eligible (?:to send (?:ses )?messages|yet|for (?:this|amazon ses|production))|"
        r"isn't eligible|aren't eligible|not (?:yet )?eligible\b",
        unless=r"\?$",
    ),
    rule(
        _S.STANDING,
        r"(?:account|it) (?:is|was|'s) (?:still )?(?:too (?:new|young|recent)|opened \w+ (?:days?|"
        r"weeks?) ago|new\b)|no invoice has been paid",
        stated=True,
    ),
    rule(
        _S.STANDING,
        r"(?:outstanding|unpaid|overdue|past[- ]due) (?:balance|invoices?|bills?|payments?|charges)|"
        r"invoices are overdue|payment method.{0,60}(?:couldn't|could not|can't|cannot|"
        r"not) be (?:verified|charged)",
        unless=r"\bif\b|\?$",
    ),
    rule(
        _S.STANDING,
        r"(?:hasn't|has not|haven't|don't have|doesn't have|without|"
        r"lacks?)\b.{0,40}(?:enough (?:of )?)?(?:history with aws|billing history|payment history|"
        r"usage history|paid (?:bill|invoice))|(?:only|solely) (?:consider|look at).{0,60}(?:billing|"
        r"paid)",
    ),
    rule(_S.STANDING, r"on the (?:aws )?free (?:account |tier )?plan\b", stated=True),
    rule(
        _S.STANDING,
        r"(?:need|requires?|must have|needs) (?:to (?:have|show) )?(?:a |an )?(?:longer |consistent |"
        r"established )?(?:\w+ )?(?:billing|payment) (?:history|record)",
    ),
    rule(
        _S.STANDING_HINT,
        r"pattern of use of other aws services|use of other aws services|use of aws services",
        unless=r"\?$",
    ),
    rule(
        _S.STANDING_HINT,
        r"(?:consistent )?(?:paid )?(?:billing|payment) history|account age|paid invoices?|"
        r"invoices are paid|how long it has existed|longer record|age of (?:your|the) account",
        unless=r"\?$",
    ),
    rule(
        _S.STANDING_HINT,
        r"(?:successful |next |first |paid )billing cycle|billing cycle (?:has|with|is)|"
        r"billed and paid|after (?:your|the) (?:first|next) (?:paid )?(?:bill|invoice)|"
        r"try again in \d+ days",
    ),
    # It asks.
    rule(
        _S.ASKS,
        _ASKING,
        unless=r"\bif (?:we|i)\b|when that's done|when it's done|we'll let you know|if you (?:have|can't|"
        r"need|wish|would like|want)|let (?:us|me) know if|when you(?:'ve| have)? (?:done|finished)",
    ),
    rule(_S.ASKS, r"^(?:\W*\w\W+)?(?:how|what|where|which|who|when|why|are|is|do|does|did)\b.*\?$"),
    rule(_S.ASKS, r"^- how\b|reply with the following|in detail, please, about"),
    *(rule(_S.TOPIC, topic) for topic in _TOPICS),
)

ENGLISH = Language(
    rules=(*_RULES, *ACCOUNT_RULES),
    # Not after a single letter, as in `N. Virginia`, nor within a figure.
    sentence_end=re.compile(r"(?<![ (.]\w)[.!?]+[\"')]*(?=\s|$)"),
    conditional=re.compile(
        r"\b(?:if|once|until|unless|whether|before|when|as soon as|has aws|have you|did you|hope)\b(?! now\b)"
    ),
    negated=re.compile(
        r"\b(?:would|could|may|might|not|never|cannot|unable|should|will|please|no)\b|n't\b|'ll\b|"
        r"\bto (?:be |have )?$"
    ),
    conditional_after=re.compile(r"\b(?:if|once|unless|only when|until you|provided)\b|\?\s*$"),
)
