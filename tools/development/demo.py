# SPDX-License-Identifier: Apache-2.0
"""``make demo``: vendors' tokens and five banks' customers, step by step.

The codes come from oathtool, the vendors' files from python-pskc: the tokens in
the customers' hands are not our own code. Everything else is the product, run
by its own commands in a directory of its own.
"""

from __future__ import annotations

import shutil
import sys

from development import abukuma, environment, kakeshin, kumamoto
from development.companions import (
    let_phones_share_an_address,
    open_a_door_for_apps,
    post_letters_at,
    provisioning_of,
)
from development.counter import live_with_tokens
from development.curl import curl_line
from development.deliveries import import_vendor_files, rewrap_and_resume
from development.environment import ROOT, Environment, kagimori
from development.family_a import walk_all
from development.mailbox import Mailbox
from development.server import ServerProcess
from development.stage import Stage
from development.verifying import survive_a_power_cut, verify
from kagimori_client.token import AuthorityProfile

GUIDES_FROM = 10
"""The scene that the first of the guides is."""

NOBODY_WAITS = """
Nobody waits thirty seconds for the next code here: the clocks of phones and tokens run
ahead, a step for each code, and the authority follows them as it follows any clock.
"""


def main() -> int:
    """Play the whole piece and return the exit code."""
    stage = Stage()
    directory = ROOT / "build" / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    place = environment.prepare(directory, f"127.0.0.1:{environment.free_port()}")
    hold_ceremony(stage, place)
    import_vendor_files(stage, place)
    rewrap_and_resume(stage, place)
    with ServerProcess(place):
        verify(stage, place)
        live_with_tokens(stage, place)
    survive_a_power_cut(stage, place)
    walk_the_guides(stage, place)
    print(f"\nWith `make dev` running in another terminal, try:\n\n{curl_line()}")
    return stage.close()


def hold_ceremony(stage: Stage, place: Environment) -> None:
    """Make the HSM's keys and see what must be refused refused."""
    stage.scene("1. The key ceremony: partitions, keys, and every forbidden act tried")
    done = kagimori("ceremony", place.ceremony)
    stage.say(done.stdout + done.stderr)
    stage.check("the ceremony's own checks", holds=done.returncode == 0)
    again = kagimori("ceremony", place.ceremony)
    stage.check("a second ceremony is refused", holds=again.returncode != 0)
    stage.say((again.stdout + again.stderr).strip().splitlines()[-1])
    stage.scene("2. A development CA: the server's certificate, one client per tenant and role")
    names = sorted(path.stem for path in place.certificates.glob("*.pem"))
    stage.check("certificates", holds=len(names) > 1, shown=f"{len(names)} files")
    stage.say("\n".join(names))


def walk_the_guides(stage: Stage, place: Environment) -> None:
    """Go through the five banks' guides, each to its last page."""
    with Mailbox() as mailbox:
        post_letters_at(place, mailbox.port)
        profile = AuthorityProfile.load(open_a_door_for_apps(place))
        let_phones_share_an_address(place)
        with ServerProcess(place):
            walk_all(stage, place, profile, mailbox, GUIDES_FROM)
            with provisioning_of(place):
                stage.scene("13. かけしん (Kakeshin): the app on the phone, 利用開始 to 利用中止")
                stage.say(NOBODY_WAITS)
                kakeshin.walk(stage, place, profile)
                stage.scene("14. あぶくま信用金庫 (Abukuma): hardware tokens and お客様カード")
                abukuma.walk(stage, place, profile)
                stage.scene("15. 熊本県信用組合 (Kumamoto): 取引確認, transfers that are signed")
                kumamoto.walk(stage, place, profile)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("demo: interrupted")
