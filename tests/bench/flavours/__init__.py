# SPDX-License-Identifier: Apache-2.0
"""Which flavour of gRPC server carries the most: run `compare`, once per release of grpcio."""
