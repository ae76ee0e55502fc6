// SPDX-License-Identifier: Apache-2.0
//! A call, and what its answer says of each code.

use prost::Message;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

use crate::tally::{Answer, Judgement};
use crate::wire::{
    self, BatchVerifyOtpRequest, BatchVerifyOtpResponse, Link, VerifyOtpRequest, VerifyOtpResponse,
    VerifyTransactionRequest, VerifyTransactionResponse, batch_verify_otp_result,
};

/// Ask about one code.
pub async fn unary(link: Link, method: PathAndQuery, request: Request<VerifyOtpRequest>) -> Answer {
    match ask::<_, VerifyOtpResponse>(link, method, request).await {
        Ok(response) => Ok(vec![Judgement::Outcome(response.outcome())]),
        Err(status) => Err(wire::code_of(&status)),
    }
}

/// Ask about several codes.
pub async fn batch(
    link: Link,
    method: PathAndQuery,
    request: Request<BatchVerifyOtpRequest>,
) -> Answer {
    match ask::<_, BatchVerifyOtpResponse>(link, method, request).await {
        Ok(response) => Ok(response.results.into_iter().map(|each| of_item(each.result)).collect()),
        Err(status) => Err(wire::code_of(&status)),
    }
}

/// Ask about the code of a transaction.
pub async fn transaction(
    link: Link,
    method: PathAndQuery,
    request: Request<VerifyTransactionRequest>,
) -> Answer {
    match ask::<_, VerifyTransactionResponse>(link, method, request).await {
        Ok(response) => Ok(vec![Judgement::Outcome(response.outcome())]),
        Err(status) => Err(wire::code_of(&status)),
    }
}

async fn ask<Q, A>(mut link: Link, method: PathAndQuery, request: Request<Q>) -> Result<A, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    link.ready().await.map_err(|error| Status::from_error(error.into()))?;
    Ok(link.unary(request, method, ProstCodec::<Q, A>::default()).await?.into_inner())
}

fn of_item(result: Option<batch_verify_otp_result::Result>) -> Judgement {
    match result {
        Some(batch_verify_otp_result::Result::Response(response)) => {
            Judgement::Outcome(response.outcome())
        }
        Some(batch_verify_otp_result::Result::Refusal(refusal)) => {
            Judgement::Refusal(refusal.reason)
        }
        None => Judgement::Refusal(String::new()),
    }
}
