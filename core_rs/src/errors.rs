// SPDX-License-Identifier: Apache-2.0
//! The core's errors as exceptions: translated here and nowhere else.

use kagimori_hsm as hsm;
use pyo3::{PyErr, create_exception, exceptions::PyException};

create_exception!(
    kagimori.core._core,
    HsmError,
    PyException,
    "A PKCS#11 call failed: (message, function, rv, recovery)."
);
create_exception!(kagimori.core._core, RowTampered, PyException, "A token's row fails its MAC.");
create_exception!(
    kagimori.core._core,
    SeedError,
    PyException,
    "A vendor's seed cannot be taken over: (reason, detail)."
);
create_exception!(
    kagimori.core._core,
    EnvelopeError,
    PyException,
    "A phone's envelope does not hold what it must: (index, detail)."
);
create_exception!(
    kagimori.core._core,
    PolicyError,
    PyException,
    "The key policy or the ceremony record is not what it must be."
);

pub fn exception(error: hsm::Error) -> PyErr {
    match error {
        hsm::Error::Hsm(error) => {
            let (function, rv) = (error.function().to_owned(), error.rv().into_owned());
            HsmError::new_err((error.to_string(), function, rv, error.recovery().word()))
        }
        hsm::Error::RowTampered => RowTampered::new_err(hsm::Error::RowTampered.to_string()),
        hsm::Error::Seed(trouble, detail) => SeedError::new_err((trouble.word(), detail)),
        hsm::Error::Envelope(index, why) => EnvelopeError::new_err((index, why)),
        hsm::Error::Policy(message) => PolicyError::new_err(message),
    }
}
