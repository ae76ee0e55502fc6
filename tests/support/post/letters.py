# SPDX-License-Identifier: Apache-2.0
"""Letters of tests, and a tenant whose template has all that a bank's has."""

from __future__ import annotations

import uuid
from zoneinfo import ZoneInfo

from kagimori.application.notification.letter import Letter, message_id
from kagimori.domain.enrollment import LetterKind
from kagimori.domain.tenant import MailTemplate, TenantPolicy

TENANT = "10112231"
SENDER = "no-reply@auth.kumamoto.example"
RECIPIENT = "hanako@customer.example"
USER_ID = "999800000001"

TEMPLATE = MailTemplate(
    sender=SENDER,
    sender_name="熊本県信用組合 認証センター",
    subject="トークン発行のご案内",
    body="""いつもご利用いただきありがとうございます。
トークンの発行を受け付けました。

サービスID: ${service_id}
ユーザID: ${user_id}

アプリのダウンロード
携帯電話: ${feature_phone_url}
スマートフォン: ${smartphone_url}

このメールは送信専用です。ご返信いただいてもお答えできません。
お問い合わせ: ${support}
""",
    feature_phone_url="https://mobile.example/kagi?uid=NULLGWDOCOMO",
    smartphone_url="https://apps.example/kagi",
    support="0120-000-000 (平日 9:00-17:00)",
    replay_subject="ワンタイムパスワードの再利用について",
    replay_body="使用済みのワンタイムパスワードが入力されました。\nお問い合わせ: ${support}\n",
)

POLICY = TenantPolicy("kumamoto", TENANT, ZoneInfo("Asia/Tokyo"), mail=TEMPLATE)


def letter(
    recipient: str = RECIPIENT,
    kind: LetterKind = LetterKind.ISSUED,
    tenant: str = TENANT,
    subscriber: str = "subscriber-1",
) -> Letter:
    """Return a new letter."""
    name = str(uuid.uuid4())
    return Letter(name, tenant, kind, subscriber, USER_ID, recipient, message_id(name, SENDER))
