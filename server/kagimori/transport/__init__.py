# SPDX-License-Identifier: Apache-2.0
"""gRPC: the listener, who may call what, and the words on the wire.

Import this package before anything imports ``grpc``.
"""

import os

# grpcio cannot be told a lowest TLS version. It can be told the suites of TLS
# 1.2 (those of 1.3 are not for choosing), and an ECDSA server certificate can
# serve no RSA suite: so 1.2 finds no suite in common and only 1.3 is left.
# grpcio reads this once, when it is imported. `listener.refuses_tls_1_2` tries.
os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-RSA-AES128-GCM-SHA256"
# A handshake that fails is a stranger's doing, or our own attempt at TLS 1.2:
# not a line in the operator's log each time. An operator who wants it sets it.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
# Nothing here forks and goes on: processes are spawned. With its own support for
# that, gRPC restarts its threads between a fork and the exec, in a child whose
# descriptors are being closed, and 13 of 250 children died of it.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
