//! Calls from the engine into Python: callback rules, and visits.
//!
//! Columns of the cell tables are lent to NumPy without a copy. A loan owns the memory while it lasts, so an array that
//! Python keeps beyond the call stays valid; the engine then goes on with a copy.

use crate::parse;
use numpy::ndarray::ArrayView1;
use numpy::{Element, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use senescape_core::document::DoseDocument;
use senescape_core::error::Error;
use senescape_core::population::Table;
use senescape_core::simulation::{Callbacks, Overview, Scene};
use std::sync::Mutex;

/// The memory of a column while it is lent to NumPy.
enum Memory {
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
    Bits(Vec<u64>),
    Numbers(Vec<u32>),
}

/// The owner of lent memory. Every array that shows the memory keeps the owner alive.
#[pyclass(frozen)]
struct Loan(Mutex<Option<Memory>>);

/// A type of column that can be lent.
trait Lendable: Element + Copy {
    fn wrap(column: Vec<Self>) -> Memory;
    fn unwrap(memory: Memory) -> Option<Vec<Self>>;
    fn peek(memory: &Memory) -> Option<&Vec<Self>>;
}

macro_rules! lendable {
    ($($kind:ty: $variant:ident),*) => {$(
        impl Lendable for $kind {
            fn wrap(column: Vec<Self>) -> Memory {
                Memory::$variant(column)
            }

            fn unwrap(memory: Memory) -> Option<Vec<Self>> {
                if let Memory::$variant(column) = memory { Some(column) } else { None }
            }

            fn peek(memory: &Memory) -> Option<&Vec<Self>> {
                if let Memory::$variant(column) = memory { Some(column) } else { None }
            }
        }
    )*};
}

lendable!(f32: Singles, f64: Doubles, u64: Bits, u32: Numbers);

/// A column of a cell table.
#[derive(Clone, Copy)]
enum Slot {
    Trait(usize),
    Entered,
    Marks,
    Clone,
}

/// Columns of one table that are out on loan.
struct Lent {
    fate: usize,
    loans: Vec<(Slot, Py<Loan>)>,
}

impl Lent {
    /// Lend a column to NumPy as a read-only array.
    fn lend<'py, T: Lendable>(
        &mut self,
        py: Python<'py>,
        slot: Slot,
        column: &mut Vec<T>,
    ) -> PyResult<Bound<'py, PyArray1<T>>> {
        let taken = std::mem::take(column);
        let (data, n) = (taken.as_ptr(), taken.len());
        let loan = Py::new(py, Loan(Mutex::new(Some(T::wrap(taken)))))?;
        let owner = loan.bind(py).clone().into_any();
        self.loans.push((slot, loan));
        // SAFETY: the memory is that of a vector that the owner holds. No code changes or moves it while an array keeps
        // the owner alive: `take_back` takes it out only when no array does.
        let array = unsafe { PyArray1::borrow_from_array(&ArrayView1::from_shape_ptr(n, data), owner) };
        array.call_method1("setflags", (false,))?;
        Ok(array)
    }

    /// Expose a table as a dict of its columns.
    fn expose<'py>(&mut self, py: Python<'py>, table: &mut Table, traits: usize) -> PyResult<Bound<'py, PyDict>> {
        let columns = PyList::empty(py);
        for (index, column) in table.columns[..traits].iter_mut().enumerate() {
            columns.append(self.lend(py, Slot::Trait(index), column)?)?;
        }
        let exposed = PyDict::new(py);
        exposed.set_item("traits", columns)?;
        exposed.set_item("entered", self.lend(py, Slot::Entered, &mut table.entered)?)?;
        exposed.set_item("marks", self.lend(py, Slot::Marks, &mut table.marks)?)?;
        exposed.set_item("clone", self.lend(py, Slot::Clone, &mut table.clone)?)?;
        Ok(exposed)
    }

    /// Take all columns back.
    fn take_back(&self, py: Python<'_>, table: &mut Table) {
        for (slot, loan) in &self.loans {
            match *slot {
                Slot::Trait(index) => take_back(py, loan, &mut table.columns[index]),
                Slot::Entered => take_back(py, loan, &mut table.entered),
                Slot::Marks => take_back(py, loan, &mut table.marks),
                Slot::Clone => take_back(py, loan, &mut table.clone),
            }
        }
    }
}

/// Take lent memory back, or a copy of it if some array still shows it.
fn take_back<T: Lendable>(_held: Python<'_>, loan: &Py<Loan>, column: &mut Vec<T>) {
    // SAFETY: the loan is alive, and the interpreter is held.
    let alone = unsafe { pyo3::ffi::Py_REFCNT(loan.as_ptr()) } == 1;
    let mut memory = loan.get().0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let returned = if alone { memory.take().and_then(T::unwrap) } else { memory.as_ref().and_then(T::peek).cloned() };
    *column = returned.unwrap_or_default();
}

/// The Python object whose methods evaluate callback rules and make visits.
pub struct Caller(pub Py<PyAny>);

impl Caller {
    /// Call a method with two numbers and the scene. Columns are lent while the call lasts.
    fn call<T>(
        &self,
        method: &str,
        numbers: (usize, usize),
        scene: Scene<'_>,
        read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
    ) -> Result<T, Error> {
        Python::attach(|py| {
            let mut lent: Vec<Lent> = Vec::new();
            let answer = expose(py, scene.overview, scene.tables, &mut lent)
                .and_then(|exposed| self.0.bind(py).call_method1(method, (numbers.0, numbers.1, exposed)))
                .and_then(|answer| read(&answer));
            for each in lent {
                each.take_back(py, &mut scene.tables[each.fate]);
            }
            answer.map_err(|error| Error::Callback(Box::new(error)))
        })
    }
}

/// Return the scene as a dict.
fn expose<'py>(
    py: Python<'py>,
    overview: &Overview,
    tables: &mut [Table],
    lent: &mut Vec<Lent>,
) -> PyResult<Bound<'py, PyDict>> {
    let exposed = PyDict::new(py);
    exposed.set_item("replicate", overview.replicate)?;
    exposed.set_item("time", overview.time)?;
    exposed.set_item("counts", &overview.counts)?;
    exposed.set_item("sums", &overview.sums)?;
    exposed.set_item("drugs", &overview.drugs)?;
    exposed.set_item("pools", &overview.pools)?;
    exposed.set_item("events", &overview.events)?;
    let columns = PyList::empty(py);
    for (fate, table) in tables.iter_mut().enumerate() {
        if !overview.current[fate] {
            columns.append(py.None())?;
            continue;
        }
        lent.push(Lent { fate, loans: Vec::new() });
        if let Some(last) = lent.last_mut() {
            columns.append(last.expose(py, table, overview.traits)?)?;
        }
    }
    exposed.set_item("tables", columns)?;
    Ok(exposed)
}

impl Callbacks for Caller {
    fn rule(&self, rule: usize, fate: usize, scene: Scene<'_>) -> Result<Vec<f32>, Error> {
        self.call("rule", (rule, fate), scene, |answer| {
            Ok(answer.extract::<PyReadonlyArray1<'_, f32>>()?.as_array().to_vec())
        })
    }

    fn visit(&self, number: usize, scene: Scene<'_>) -> Result<Option<Vec<DoseDocument>>, Error> {
        let doses = self.call("visit", (number, 0), scene, |answer| answer.extract::<Option<String>>())?;
        doses.map(|text| parse("run", &text)).transpose()
    }
}
