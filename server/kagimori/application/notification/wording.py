# SPDX-License-Identifier: Apache-2.0
"""From a letter and the tenant's template to the words that the customer reads."""

from __future__ import annotations

from string import Template

from kagimori.application.notification.ports import Due, Mail
from kagimori.domain.enrollment import LetterKind
from kagimori.domain.tenant import MailTemplate, TenantPolicy


class NoTemplate(Exception):
    """The tenant has no template for letters, or one that nothing can be put into."""


class NotWanted(Exception):
    """The tenant does not want letters of this kind to be sent."""


def worded(due: Due, policy: TenantPolicy | None) -> Mail:
    """Return the letter in its words, or raise `NoTemplate` or `NotWanted`."""
    if policy is None or policy.mail is None:
        raise NoTemplate
    template, letter = policy.mail, due.letter
    subject, body = _words(letter.kind, template)
    return Mail(
        letter.message_id,
        due.posted_at.astimezone(policy.zone),
        template.sender,
        template.sender_name,
        letter.recipient,
        subject,
        _filled(body, policy.service_id, letter.user_id, template),
    )


def _words(kind: LetterKind, template: MailTemplate) -> tuple[str, str]:
    if kind is LetterKind.ISSUED:
        return template.subject, template.body
    if not (template.replay_subject and template.replay_body):
        raise NotWanted
    return template.replay_subject, template.replay_body


def _filled(body: str, service_id: str, user_id: str, template: MailTemplate) -> str:
    try:
        return Template(body).substitute(
            service_id=service_id,
            user_id=user_id,
            feature_phone_url=template.feature_phone_url,
            smartphone_url=template.smartphone_url,
            support=template.support,
        )
    except (KeyError, ValueError):
        raise NoTemplate from None
