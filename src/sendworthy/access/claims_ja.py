"""The sentences of the claims in Japanese, for an account whose ContactLanguage is JA. Proves nothing by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sendworthy.access.words import MONTHS

SENTENCES_JA: Mapping[str, str] = {
    "bounces.wired": (
        "{region} のバウンスと苦情のイベントは、Amazon SES から購読確認済みの SNS トピックへ発行され、"
        "当社のプログラムが処理しています"
        "(SES メールボックスシミュレーター、{trials}、{date})。"
    ),
    "bounces.suppressed": (
        "バウンス: ハードバウンスは {seconds} 秒以内に記録され(SES メールボックスシミュレーター、{trials}、{date})、"
        "記録と同じトランザクションで宛先を配信対象から除外するため、以後その宛先には送信されません。"
    ),
    "complaints.suppressed": (
        "苦情: 苦情は {seconds} 秒以内に記録され(SES メールボックスシミュレーター、{trials}、{date})、"
        "記録と同じトランザクションで宛先を配信対象から除外するため、以後その宛先には送信されません。"
    ),
    "suppression.account_list": (
        "Amazon SES のアカウントレベルのサプレッションリストも、バウンスと苦情の両方で有効です。"
    ),
    "suppression.sets": "このリストはすべてのメールに適用されます。対象: {names}(バウンスと苦情)。",
    "bounces.dead_letters": "処理できないイベントも失われません。キュー {queue} からデッドレターキューへ移されます。",
    "bounces.forwarded": "{domain} のバウンスと苦情は、Amazon SES からメールでも転送されます。",
    "unsubscribe.one_click": (
        "配信停止: ワンクリック(RFC 8058)から {seconds} 秒以内に配信が止まります({trials}、{date})。"
    ),
    "unsubscribe.headers": (
        "{domain} からのメールには List-Unsubscribe と List-Unsubscribe-Post(RFC 8058)があり、"
        "いずれも DKIM で署名されています"
        "({date} にメールを検査)。"
    ),
    "unsubscribe.address": (
        "{origin} の配信停止アドレスは RFC 8058 の POST で動作し、GET だけでは誰も配信停止になりません({date} に試行)。"
    ),
    "authentication.identity": "ドメイン {domain} は Amazon SES でドメイン ID として検証済みです。",
    "authentication.dkim": "{domain} からのメールには DKIM 署名があります({selectors})。",
    "authentication.dkim_key": "{domain} の DKIM 鍵は 2,048 ビットです。",
    "authentication.spf": (
        "SPF: {domain} からのメールはカスタム MAIL FROM ドメイン {mail_from} を使い、"
        "その SPF レコードは SES を許可しています。"
    ),
    "authentication.dmarc": "DMARC: {name} で {domain} のポリシー {policy} を公開しています。",
    "authentication.dmarc_reports": "{domain} の DMARC 集計レポートを受け取っています。",
    "authentication.alignment": (
        "DMARC のアライメントは両方で成立します。DKIM は {domain} として署名し、"
        "MAIL FROM ドメイン {mail_from} も同じ組織のものです。"
    ),
    "authentication.tls": "当社のメールは TLS でのみ Amazon SES から送出されます(TLS ポリシー REQUIRE)。",
    "setup.monitoring": (
        "監視:"
        " メールの配信イベントは送信から {seconds} 秒以内に記録"
        "されます(SES メールボックスシミュレーターで {trials}、"
        "{date})。"
    ),
    "setup.bounce_alarm": (
        "アカウントのバウンス率が {threshold} を超えると、CloudWatch のアラームで通知されます({date} に確認)。"
    ),
    "setup.complaint_alarm": (
        "アカウントの苦情率が {threshold} を超えると、CloudWatch のアラームで通知されます({date} に確認)。"
    ),
    "setup.rate_limit": (
        "送信レートの制御: 送信ゲートウェイはアカウントのレートを守ります。毎秒 {rate} 通の設定で、"
        "1 秒間の最大は {highest} 通でした"
        "({trials}、{date})。"
    ),
    "setup.streams": (
        "トランザクションメールとマーケティングメールの設定セットは分かれています: {transactional}、{marketing}。"
    ),
    "setup.default_set": (
        "設定セットを指定しない {domain} からのメールは {set} で送信されるため、イベントの取りこぼしはありません。"
    ),
    "setup.metrics": "評価メトリクスは有効です: {sets}。",
    "setup.vdm": "アカウントで Virtual Deliverability Manager を有効にしています。",
    "setup.healthy": "Amazon SES は {region} のアカウントを HEALTHY、送信可能と表示しています({date})。",
    "company.website": "{website} は有効な証明書の HTTPS で公開されています({date} に確認)。",
    "company.domain": "ウェブサイトと送信ドメイン {domain} は、いずれも {organisational} に属します。",
    "policies.linked": "{website} は公開中で、プライバシーポリシーと利用規約へのリンクがあります。",
    "policies.privacy": "{url} のプライバシーポリシーは {date} に閲覧できました。",
    "policies.terms": "{url} の利用規約は {date} に閲覧できました。",
    "history.sandbox": ("サンドボックスでは上限内で送信しています: {date} の監査前 24 時間で {sent}、上限 {quota}。"),
    "history.elsewhere": (
        "これまでは {sources} から {sent} を送信していました({first}から{last}まで、各社の記録による)。"
    ),
    "history.record": (
        "{date} までの {days} 日間に、ゲートウェイから Amazon SES へ {sent} 通を送信し、恒久的なバウンスは {bounces}、"
        "苦情は {complaints} でした。"
    ),
    "history.cloudwatch": (
        "{region} では、{date} までの {days} 日間に CloudWatch の集計で {sent}、{bounces}、{complaints} でした。"
    ),
}
"""By the id of the claim; the names in braces are those of the claim's figures."""

LABELS_JA: Mapping[str, str] = {
    "company": "会社名",
    "website": "ウェブサイト",
    "industry": "業種",
    "application": "送信するアプリケーション",
    "privacy_policy": "プライバシーポリシー",
    "terms": "利用規約",
    "anti_spam_policy": "迷惑メール対策方針",
    "earlier_sending": "これまでの送信",
    "approved_case": "本番アクセスを持つ当社の別アカウントのケース",
    "list_document": "リスト管理の規則の文書",
    "description": "{name}({stream})",
    "trigger": "{name}、送信のきっかけ",
    "volume_reason": "{name}、この数の理由",
    "opt_in": "{name}、受信者の同意",
    "address_source": "{name}、アドレスの取得元",
    "list_hygiene": "{name}、リストの管理",
    "unsubscribe": "{name}、配信停止の方法",
}
"""By the name of the field; what follows the label are the user's own words, in whatever language they chose."""

STREAMS_JA: Mapping[str, str] = {"transactional": "トランザクション", "marketing": "マーケティング"}

COMMITMENTS_JA: Mapping[str, str] = {
    "commitment.opt_in": "メールを希望した人にのみ送信します。",
    "commitment.unsubscribe": "配信停止をした人には、その時点からその種類のメールを送信しません。",
    "commitment.process": "バウンスと苦情を処理する仕組みを、送信を続けるかぎり維持します。",
    "commitment.rates": (
        "バウンス率と苦情率を監視し、それぞれ 5 % 未満、0.1 % 未満に保ち、達する前に一斉配信を止めます。"
    ),
    "commitment.pace": "少量から始め、率が良好な間にかぎり段階的に増やします。",
    "commitment.terms": "AWS 適正利用規約と AWS サービス条件を守ります。",
}

_DATE = re.compile(rf"(\d{{1,2}}) ({'|'.join(MONTHS)}) (\d{{4}})")
_COUNTED = re.compile(r"([\d,]+(?:\.\d+)?) (trials?|recipients?|messages?|bounces?|complaints?)")
_UNITS: Mapping[str, str] = {
    "trial": "{n} 回の試行",
    "recipient": "{n} 件の宛先",
    "message": "{n} 通",
    "bounce": "バウンス {n} 件",
    "complaint": "苦情 {n} 件",
}


def in_japanese(figure: str) -> str:
    """Write a figure as `words` made it (a date, a count, a list of names) in Japanese; any other stays as it is."""
    text = _DATE.sub(lambda found: f"{found[3]}年{MONTHS.index(found[2]) + 1}月{found[1]}日", figure)
    text = _COUNTED.sub(lambda found: _UNITS[found[2].rstrip("s")].replace("{n}", found[1]), text)
    text = re.sub(r"^the configuration sets? ", "設定セット ", text)
    text = re.sub(r"^selectors? ", "セレクター ", text)
    return re.sub(r"(?<=\w)(?:, | and )(?=\w)", "、", text) if re.search(r"\w (?:and) \w", text) else text
