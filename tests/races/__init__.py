# SPDX-License-Identifier: Apache-2.0
"""Exactly once: races and crashes against the real server, on both databases.

The room, from the ground up:

- ``arena`` sets up an authority whose server can be killed, whose database can
  be read and whose HSM, disk and database connection can be made to fail.
- ``witness`` is a trigger in the database: it sees each change of a token, in
  the transaction that makes it, so no write can pass unseen.
- ``halts`` are triggers at which PostgreSQL waits, so that whoever makes the write
  can be killed there; on SQLite the disk does it.
- ``crowd`` is many clients in several processes, let go at a barrier.
- ``load`` is customers and thieves who keep asking while things break, and
  ``history`` judges what they were told, as Jepsen does: invoke, then ok, fail
  or unknown.
- ``enrolling`` is a bank's pages in front of several processes, held up where
  they meet.
- ``moving`` is customers who go from one token to another by their bank's pages.
- ``signing`` is customers who sign transfers; ``seeding`` gives their tokens the seeds.
- ``numbers`` says how often; ``KAGIMORI_RACES`` chooses quick, usual or full.
- ``broken/`` holds builds that must fail here, each a patch with the bug it
  brings back and the test that finds it. ``make mutants`` runs them: a race
  test that was never seen to fail proves nothing.
"""
