// SPDX-License-Identifier: Apache-2.0
//! The server's end of the wire: mTLS connections, and the API's messages.

use std::error::Error;
use std::iter;
use std::path::Path;

use anyhow::{Context, Result};
use tonic::client::Grpc;
use tonic::transport::{self, Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status, TimeoutExpired};

use crate::arguments::Arguments;

/// `kagimori.verification.v1`, with what it imports where its paths expect it.
mod generated {
    #![allow(
        dead_code,
        missing_docs,
        clippy::pedantic,
        reason = "generated, and documented in proto/"
    )]

    pub mod types {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/kagimori.types.v1.rs"));
        }
    }
    pub mod verification {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/kagimori.verification.v1.rs"));
        }
    }
}

pub use generated::types::v1::{Operation, Outcome};
pub use generated::verification::v1::{
    BatchVerifyOtpRequest, BatchVerifyOtpResponse, VerifyOtpRequest, VerifyOtpResponse,
    VerifyTransactionRequest, VerifyTransactionResponse, batch_verify_otp_result,
    verify_otp_request,
};

/// A connection that calls can be made on; clones share it.
pub type Link = Grpc<Channel>;

/// Open all connections, so that no call pays for a handshake.
pub async fn connect(arguments: &Arguments) -> Result<Vec<Link>> {
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pem(&arguments.ca)?))
        .identity(Identity::from_pem(pem(&arguments.cert)?, pem(&arguments.key)?));
    let endpoint = Endpoint::from(arguments.target.clone()).tls_config(tls)?;
    let mut links = Vec::with_capacity(arguments.connections);
    for _ in 0..arguments.connections {
        let channel = endpoint.connect().await;
        links.push(Grpc::new(channel.with_context(|| format!("no way to {}", arguments.target))?));
    }
    Ok(links)
}

/// The code of a call that failed, in the words of other gRPC clients.
///
/// When our own clock ends a call, tonic says CANCELLED; the others say what it
/// was, the deadline. Where no status came because the stream was refused or the
/// connection broke, tonic says UNKNOWN or CANCELLED; the others, UNAVAILABLE.
pub fn code_of(status: &Status) -> Code {
    let mut causes = iter::successors(status.source(), |&cause| cause.source());
    if causes.clone().any(<dyn Error>::is::<TimeoutExpired>) {
        return Code::DeadlineExceeded;
    }
    let broken = causes.any(<dyn Error>::is::<transport::Error>);
    if broken { Code::Unavailable } else { status.code() }
}

fn pem(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::thread;

    use tonic::Request;
    use tonic::codegen::http::uri::PathAndQuery;
    use tonic_prost::ProstCodec;

    use super::*;

    #[test]
    fn a_call_that_our_clock_ended_met_its_deadline() {
        let status = Status::from_error(Box::new(TimeoutExpired(())));
        assert_eq!(code_of(&status), Code::DeadlineExceeded);
    }

    #[test]
    fn a_status_that_the_server_sent_stays_as_it_is() {
        assert_eq!(code_of(&Status::cancelled("by the server")), Code::Cancelled);
    }

    #[tokio::test]
    async fn a_connection_that_breaks_is_a_server_that_is_unavailable() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = format!("http://{}", server.local_addr().unwrap());
        // It takes the request and hangs up.
        let serving = thread::spawn(move || server.accept().unwrap().0.read(&mut [0; 64]));
        let mut link = Grpc::new(Endpoint::from_shared(target).unwrap().connect_lazy());
        link.ready().await.unwrap();
        let (request, path) = (VerifyOtpRequest::default(), PathAndQuery::from_static("/"));
        let codec = ProstCodec::<_, VerifyOtpResponse>::default();
        let failed = link.unary(Request::new(request), path, codec).await.unwrap_err();
        serving.join().unwrap().unwrap();
        assert_ne!(failed.code(), Code::Unavailable, "tonic says it by itself now");
        assert_eq!(code_of(&failed), Code::Unavailable);
    }
}
