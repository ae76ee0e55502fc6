# SPDX-License-Identifier: Apache-2.0
"""A tenant's wrapping key on trial: what seals every seed of that tenant.

With it stands or falls the claim that no seed leaves the HSM. The security
officer's own powers are not tried: they are what the ceremony is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pkcs11 import Attribute, KeyType, Mechanism

from kagimori.custody import canary
from kagimori.custody.attributes import NO_OTHER_USE
from kagimori.custody.checks import attacker
from kagimori.custody.checks.fixity import try_to_move
from kagimori.custody.checks.openings import Sealed, answers, try_lax_templates
from kagimori.custody.cryptoki_names import NOT_FOUND
from kagimori.custody.keys import find
from kagimori.custody.opened import passing

if TYPE_CHECKING:
    from pkcs11 import Session

    from kagimori.custody.attributes import AnyKey, Policy
    from kagimori.custody.canary import Canary
    from kagimori.custody.checks.trial import Trial
    from kagimori.custody.keys import MadeKey

_NOT_WRAPPABLE = "CKR_KEY_NOT_WRAPPABLE"
_READ_ONLY = "CKR_ATTRIBUTE_READ_ONLY"
_NO_SUCH_USE = ("CKR_KEY_FUNCTION_NOT_PERMITTED", "CKR_MECHANISM_INVALID")
_USER_NOT_LOGGED_IN = "CKR_USER_NOT_LOGGED_IN"
_SEED_BITS = 256
_BLOCK = bytes(16)


@dataclass(frozen=True, slots=True)
class WrappingTrial:
    """The wrapping key under trial, and what the attempts need of the HSM."""

    trial: Trial
    session: Session
    policy: Policy
    key: AnyKey

    def run(self, sealed: Canary) -> None:
        """Try everything on the key but to destroy it."""
        self._canary_answers(sealed)
        blob = self.trial.works("seal a new seed", self._seal_new_seed)
        seed = Sealed(self.key, blob, self.policy.kwp)
        self._try_on_seed_for_codes(seed)
        self._try_on_seed_for_resealing(seed)
        try_lax_templates(self.trial, seed, self.policy)
        self._try_on_the_key()
        try_to_move(self.trial, self.session, self.key, {"WRAP", "UNWRAP"}, TRUSTED=True)

    def _canary_answers(self, sealed: Canary) -> None:
        seed = Sealed(self.key, sealed.blob, self.policy.kwp)
        self.trial.works(
            "open the canary: it answers as it did",
            lambda: answers(seed, self.policy.seed("verify"), sealed.challenge, sealed.response),
        )

    def _seal_new_seed(self) -> bytes:
        seed = self.session.generate_key(
            KeyType.GENERIC_SECRET,
            _SEED_BITS,
            capabilities=NO_OTHER_USE,
            template=self.policy.seed("reseal"),
        )
        with passing(seed):
            return self._wrap(seed)

    def _wrap(self, key: AnyKey) -> bytes:
        wrapped: bytes = self.key.wrap_key(key, mechanism=self.policy.kwp)
        return wrapped

    def _try_on_seed_for_codes(self, sealed: Sealed) -> None:
        template = self.policy.seed("verify")
        seed = self.trial.works("open a seed to compute codes", lambda: sealed.open(template))
        with passing(seed):
            self.trial.refused(
                "seal again a seed opened for codes",
                lambda: self._wrap(seed),
                "CKR_KEY_UNEXTRACTABLE",
            )

    def _try_on_seed_for_resealing(self, sealed: Sealed) -> None:
        template = self.policy.seed("reseal")
        seed = self.trial.works("open a seed to reseal it", lambda: sealed.open(template))
        with passing(seed):
            self.trial.works("reseal a seed under a TRUSTED key", lambda: self._wrap(seed))
            self.trial.refused(
                "read an open seed", lambda: seed[Attribute.VALUE], "CKR_ATTRIBUTE_SENSITIVE"
            )
            self.trial.refused(
                "copy a seed without WRAP_WITH_TRUSTED",
                lambda: seed.copy({Attribute.TOKEN: False, Attribute.WRAP_WITH_TRUSTED: False}),
                _READ_ONLY,
            )
            self._try_to_take_out(seed)

    def _try_to_take_out(self, seed: AnyKey) -> None:
        kwp = self.policy.kwp
        with passing(attacker.own_aes_key(self.session)) as own:
            self.trial.refused(
                "wrap a seed by one's own AES key",
                lambda: own.wrap_key(seed, mechanism=kwp),
                _NOT_WRAPPABLE,
            )
            self.trial.refused(
                "mark one's own AES key TRUSTED", lambda: _mark_trusted(own), _READ_ONLY
            )
        self.trial.refused(
            "make a TRUSTED key as the user",
            lambda: attacker.trusted_key_of_own(self.session),
            _READ_ONLY,
        )
        with passing(attacker.own_rsa_key(self.session)) as own_rsa:
            self.trial.refused(
                "wrap a seed to one's own RSA key",
                lambda: own_rsa.wrap_key(
                    seed,
                    mechanism=Mechanism.RSA_PKCS_OAEP,
                    mechanism_param=self.policy.oaep,
                ),
                _NOT_WRAPPABLE,
            )

    def _try_on_the_key(self) -> None:
        with passing(attacker.readable_key(self.session)) as known:
            self.trial.refused(
                "seal a readable key in a seed's place", lambda: self._wrap(known), _NOT_WRAPPABLE
            )
        bold = attacker.unmannered(self.key)
        ecb = Mechanism.AES_ECB
        self.trial.refused(
            "encrypt with the key", lambda: bold.encrypt(_BLOCK, mechanism=ecb), *_NO_SUCH_USE
        )
        self.trial.refused(
            "decrypt with the key", lambda: bold.decrypt(_BLOCK, mechanism=ecb), *_NO_SUCH_USE
        )
        with passing(attacker.own_aes_key(self.session)) as any_key:
            self.trial.refused(
                "wrap by another mechanism (CBC)",
                lambda: bold.wrap_key(any_key, mechanism=Mechanism.AES_CBC, mechanism_param=_BLOCK),
                "CKR_MECHANISM_INVALID",
            )


def seal_canary(
    trial: Trial,
    session: Session,
    policy: Policy,
    key: AnyKey,
    tenant: str,
) -> Canary:
    """Make the tenant's canary: the first thing a wrapping key must be able to do."""
    return trial.works("seal the canary", lambda: canary.seal(session, policy, key, tenant))


def try_without_login(
    trial: Trial, session: Session, policy: Policy, made: MadeKey, sealed: Canary
) -> None:
    """Try to open a seed in a session that nobody logged in to."""

    def opened(*, private: bool) -> AnyKey:
        key = find(session, made)
        template = policy.seed("verify") | {Attribute.PRIVATE: private}
        return Sealed(key, sealed.blob, policy.kwp).open(template)

    # An HSM may also hide the key from whoever is not logged in.
    trial.refused(
        "open a seed without login",
        lambda: opened(private=True),
        _USER_NOT_LOGGED_IN,
        NOT_FOUND,
    )
    trial.refused(
        "open a public seed without login",
        lambda: opened(private=False),
        "CKR_TEMPLATE_INCONSISTENT",
        _USER_NOT_LOGGED_IN,
        NOT_FOUND,
    )


def _mark_trusted(key: AnyKey) -> None:
    key[Attribute.TRUSTED] = True
