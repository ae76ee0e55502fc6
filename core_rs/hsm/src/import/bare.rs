// SPDX-License-Identifier: Apache-2.0
//! The calls of an import and nothing else: what imports are measured against.

use std::sync::Arc;

use super::{
    DeliveryKeys, EncryptedSeed, ImportVault, Opener,
    algorithm::{Algorithm, Cipher},
    host::Room,
    mac::FileMac,
    unsupported,
};
use crate::{error::Error, raw::Mechanism, row::Row, sealed::try_out, session::Object};

impl ImportVault {
    /// `rounds` times, for each of `seeds`, what the HSM is asked for it: to check
    /// its MAC where its key is there, to open the seed, try it out, wrap and destroy
    /// it, and to compute the MAC of `row`.
    #[doc(hidden)]
    pub fn bare_seal_loop(
        &self,
        keys: &DeliveryKeys,
        tenant: &str,
        seeds: &[EncryptedSeed],
        row: &Arc<Row>,
        rounds: u64,
    ) -> Result<(), Error> {
        self.inside(|rooms| {
            rooms.with_opener(tenant, |opener| {
                let session = opener.inside.session;
                let row_key = rooms.keyring.current(&rooms.serving, session)?.of_row(row)?.row;
                opener.with_openings(keys, seeds, |openings| {
                    opener.with_mac(keys.mac.as_ref(), openings, |mac| {
                        let algorithm = Algorithm::parse(&seeds[0].algorithm)?;
                        let key = opener.key(openings, algorithm)?;
                        let mut room = Room::default();
                        for seed in (0..rounds).flat_map(|_| seeds) {
                            opener.bare_seal(algorithm, key, mac, seed, &mut room)?;
                            row.mac(session, row_key)?;
                        }
                        Ok(())
                    })
                })
            })
        })
    }
}

impl Opener<'_> {
    fn bare_seal(
        &self,
        algorithm: Algorithm,
        key: Object,
        mac: Option<&FileMac>,
        seed: &EncryptedSeed,
        room: &mut Room,
    ) -> Result<(), Error> {
        let session = self.inside.session;
        if let Some(mac) = mac {
            mac.bare(session, &seed.ciphertext)?;
        }
        let opened = match algorithm {
            Algorithm::KeyWrap(_) => self.bare_unwrap(key, seed)?,
            Algorithm::Cbc(cipher) => self.bare_decrypt(cipher, key, seed, room)?,
            _ => return Err(unsupported("measuring it")),
        };
        session.consume(opened, |opened| {
            try_out(session, opened, seed.hash)?;
            let wrapping = self.tenant_keys.wrapping;
            session.wrap(self.provider.key_wrap(), wrapping, opened).map(drop)
        })?;
        Ok(())
    }

    /// The way that opens it is found out at the first seed.
    fn bare_unwrap(&self, key: Object, seed: &EncryptedSeed) -> Result<Object, Error> {
        let (way, template) = (self.usual.get(), &self.policy.reseal);
        self.unwrap_as(way, key, &seed.ciphertext, template)
            .or_else(|_| self.unwrap(Algorithm::KeyWrap(0), key, &seed.ciphertext, template))
    }

    fn bare_decrypt(
        &self,
        cipher: Cipher,
        key: Object,
        seed: &EncryptedSeed,
        room: &mut Room,
    ) -> Result<Object, Error> {
        let (iv, data) = seed.ciphertext.split_at(cipher.block());
        let octets = room.enter()?;
        let mechanism = Mechanism::with_iv(cipher.mechanism(), iv);
        self.host()?.session.decrypt(mechanism, key, data, octets)?;
        let length = seed.hash.length();
        Ok(self.inside.session.create(&self.policy.reseal, &octets[..length])?)
    }
}
