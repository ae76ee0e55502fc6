// SPDX-License-Identifier: Apache-2.0
//! Generates the messages of the API from `proto/`.

use std::error::Error;

const PROTO: &str = "../../proto";
const FILE: &str = "kagimori/verification/v1/verification.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let files = protox::compile([FILE], [PROTO])?;
    prost_build::Config::new().compile_fds(files)?;
    Ok(())
}
