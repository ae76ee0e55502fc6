# SPDX-License-Identifier: Apache-2.0
"""What a bank's page asks to give a customer a software token, and to take it back.

`issue`, `activate`, `deregister`, `unlock`, `status` and `requirement` are the use
cases; `standing` reads where a customer is, by the domain's tables; `passwords`
seals and checks activation passwords. The store changes nothing that is not as it
was read: a use case that finds it `Stale` reads again.
"""
