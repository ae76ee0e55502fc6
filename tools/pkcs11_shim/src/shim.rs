// SPDX-License-Identifier: Apache-2.0
//! What this process knows: the real module, the counts and the rules.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR, CK_FUNCTION_LIST_PTR_PTR, CK_RV, CKR_GENERAL_ERROR,
    CKR_OK,
};
use libloading::{Library, Symbol};

use crate::control::{Control, Hang, Rules};
use crate::functions::Function;
use crate::table::{INJECTED, Table};

/// How often a hanging call looks whether it may go on.
const HANG_SLICE: Duration = Duration::from_millis(10);

/// One per process: a PKCS#11 library has one state.
static SHIM: OnceLock<Result<Shim, String>> = OnceLock::new();

/// Returns this process's shim; the first call loads the real module.
pub fn shim() -> Result<&'static Shim, &'static str> {
    SHIM.get_or_init(Shim::load).as_ref().map_err(String::as_str)
}

/// Counts a call, lets the rules have their way, and calls the real module.
pub fn forward(function: Function, call: impl FnOnce(&CK_FUNCTION_LIST) -> CK_RV) -> CK_RV {
    let Ok(shim) = shim() else {
        return CKR_GENERAL_ERROR;
    };
    shim.table.count(function as usize);
    let rules = shim.control.rules();
    let turn = rules.serial.then(|| shim.turn.lock().unwrap_or_else(PoisonError::into_inner));
    let answer = match shim.interfere(function, &rules) {
        Some(fault) => fault,
        None => call(shim.real),
    };
    drop(turn);
    answer
}

/// The real module, what we offer in its place, and what to do on the way.
pub struct Shim {
    /// The function list that callers get.
    pub offered: CK_FUNCTION_LIST,
    /// Where calls are counted.
    pub table: Table,
    real: &'static CK_FUNCTION_LIST,
    control: Control,
    turn: Mutex<()>,
}

impl Shim {
    fn load() -> Result<Self, String> {
        let module = path("KAGIMORI_SHIM_MODULE").ok_or("KAGIMORI_SHIM_MODULE is not set")?;
        let real = real_functions(&module)?;
        Ok(Self {
            offered: crate::offered(real),
            table: Table::open(path("KAGIMORI_SHIM_COUNTS").as_deref())?,
            real,
            control: Control::new(path("KAGIMORI_SHIM_CONTROL")),
            turn: Mutex::new(()),
        })
    }

    /// Delays the call as the rules say; returns the error to answer, if any.
    fn interfere(&self, function: Function, rules: &Rules) -> Option<CK_RV> {
        if let Some(hang) = rules.hang(function, &self.table) {
            self.wait(hang);
        }
        if !rules.latency.is_zero() {
            thread::sleep(rules.latency);
        }
        let fault = rules.fault(function, &self.table)?;
        self.table.count(INJECTED);
        Some(fault)
    }

    /// Waits until the time is over or the line that says so is taken away.
    fn wait(&self, hang: Hang) {
        let start = Instant::now();
        while self.control.rules().holds(hang) {
            let rest = hang.duration.saturating_sub(start.elapsed());
            if rest.is_zero() {
                return;
            }
            thread::sleep(rest.min(HANG_SLICE));
        }
    }
}

fn path(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Loads the real module for the rest of the process's life.
fn real_functions(module: &Path) -> Result<&'static CK_FUNCTION_LIST, String> {
    // SAFETY: running its initialisers is what loading a PKCS#11 module means.
    let library = unsafe { Library::new(module) }.map_err(|error| error.to_string())?;
    // Never unloaded: threads of ours may be inside it until the process ends.
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: PKCS#11 fixes the type of this function.
    let get_function_list: Symbol<unsafe extern "C" fn(CK_FUNCTION_LIST_PTR_PTR) -> CK_RV> =
        unsafe { library.get(b"C_GetFunctionList\0") }.map_err(|error| error.to_string())?;
    let mut list: CK_FUNCTION_LIST_PTR = std::ptr::null_mut();
    // SAFETY: list is room for one pointer.
    match unsafe { get_function_list(&raw mut list) } {
        // SAFETY: on CKR_OK the list is the module's own static one, or null.
        CKR_OK => unsafe { list.as_ref() }.ok_or_else(|| "the module has no functions".into()),
        answer => Err(format!("C_GetFunctionList answered {answer:#x}")),
    }
}
