// SPDX-License-Identifier: Apache-2.0
//! What the calls ask, and in which order.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use uuid::Uuid;

use crate::arguments::{Arguments, Order};
use crate::device::Device;
use crate::prepared::Prepared;
use crate::shelf::Shelf;
use crate::wire::{
    BatchVerifyOtpRequest, Operation, VerifyOtpRequest, VerifyTransactionRequest,
    verify_otp_request,
};

/// Where the next call comes from.
pub enum Supply {
    /// Devices, whose codes never end.
    Devices(Devices),
    /// Requests that somebody prepared, each for one call.
    Prepared(Prepared),
}

/// A call to be made.
pub struct Call {
    /// The devices that are in it.
    pub tokens: Vec<u32>,
    /// What it asks.
    pub question: Question,
}

/// A message, by the RPC that takes it.
pub enum Question {
    /// `VerifyOtp`
    Unary(VerifyOtpRequest),
    /// `BatchVerifyOtp`
    Batch(BatchVerifyOtpRequest),
    /// `VerifyTransaction`
    Transaction(VerifyTransactionRequest),
}

impl Supply {
    /// What the command line names.
    pub fn open(arguments: &Arguments) -> Result<Self> {
        let path = arguments.supply();
        let opened = if arguments.requests.is_some() {
            Prepared::open(path).map(Self::Prepared)
        } else {
            Devices::open(arguments).map(Self::Devices)
        };
        opened.with_context(|| format!("cannot use {}", path.display()))
    }

    /// How many calls can be in flight, if each is about one token.
    pub fn count(&self) -> usize {
        match self {
            Self::Devices(devices) => devices.shelf.count(),
            Self::Prepared(prepared) => prepared.left(),
        }
    }

    /// The next call; None when there is no more.
    pub fn next(&mut self) -> Result<Option<Call>> {
        match self {
            Self::Devices(devices) => devices.next().map(Some),
            Self::Prepared(prepared) => Ok(prepared.next().map(|request| Call {
                tokens: Vec::new(),
                question: Question::Transaction(request),
            })),
        }
    }

    /// Take back the devices of a call that has ended.
    pub fn take_back(&mut self, tokens: Vec<u32>) {
        if let Self::Devices(devices) = self {
            devices.free.extend(tokens);
        }
    }
}

/// Tokens in customers' hands. Each is either free or in a call.
pub struct Devices {
    shelf: Shelf,
    free: VecDeque<u32>,
    batch: Option<usize>,
    wrong: f64,
}

impl Devices {
    fn open(arguments: &Arguments) -> Result<Self> {
        let shelf = Shelf::open(arguments.supply())?;
        let mut free: Vec<u32> = (0..u32::try_from(shelf.count())?).collect();
        if arguments.order == Order::Random {
            fastrand::shuffle(&mut free);
        }
        Ok(Self { shelf, free: free.into(), batch: arguments.batch, wrong: arguments.wrong })
    }

    fn next(&mut self) -> Result<Call> {
        let tokens: Vec<u32> = self.free.drain(..self.batch.unwrap_or(1)).collect();
        let mut items = self.items(&tokens)?;
        let question = if self.batch.is_some() {
            Question::Batch(BatchVerifyOtpRequest { requests: items })
        } else {
            Question::Unary(items.pop().context("a call is about one token at least")?)
        };
        Ok(Call { tokens, question })
    }

    fn items(&self, tokens: &[u32]) -> Result<Vec<VerifyOtpRequest>> {
        let item = |&number| self.shelf.with(number, |device| self.item(device));
        tokens.iter().map(item).collect()
    }

    fn item(&self, device: &mut Device) -> VerifyOtpRequest {
        let wrong = self.wrong > 0.0 && fastrand::f64() < self.wrong;
        VerifyOtpRequest {
            request_id: Uuid::now_v7().to_string(),
            subject: Some(verify_otp_request::Subject::Serial(device.serial.clone())),
            operation: Operation::Login.into(),
            code: if wrong { device.mistype() } else { device.press() },
        }
    }
}
