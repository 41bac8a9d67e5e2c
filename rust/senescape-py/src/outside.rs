//! Calls from the engine into Python: rules on the slow path, and visits.
//!
//! Columns of the cell tables are lent to NumPy without a copy. A loan owns the memory while it lasts, so an array that
//! Python keeps beyond the call stays valid: the engine then goes on with a copy.

use crate::parse;
use numpy::ndarray::ArrayView1;
use numpy::{Element, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use senescape_core::document::DoseDocument;
use senescape_core::error::Error;
use senescape_core::population::Table;
use senescape_core::simulation::{About, Outside, Scene};
use std::sync::Mutex;

/// Memory of a column while NumPy looks at it.
enum Memory {
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
    Bits(Vec<u64>),
    Numbers(Vec<u32>),
}

/// The owner of lent memory, kept alive by every array that shows it.
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
        // SAFETY: the memory is that of a vector which the owner holds, and which nobody changes or moves while an array
        // keeps the owner alive: `give_back` takes it out only when none does.
        let array = unsafe { PyArray1::borrow_from_array(&ArrayView1::from_shape_ptr(n, data), owner) };
        array.call_method1("setflags", (false,))?;
        Ok(array)
    }

    /// Show a table: a dict of its columns.
    fn show<'py>(&mut self, py: Python<'py>, table: &mut Table, traits: usize) -> PyResult<Bound<'py, PyDict>> {
        let columns = PyList::empty(py);
        for (index, column) in table.columns[..traits].iter_mut().enumerate() {
            columns.append(self.lend(py, Slot::Trait(index), column)?)?;
        }
        let shown = PyDict::new(py);
        shown.set_item("traits", columns)?;
        shown.set_item("entered", self.lend(py, Slot::Entered, &mut table.entered)?)?;
        shown.set_item("marks", self.lend(py, Slot::Marks, &mut table.marks)?)?;
        shown.set_item("clone", self.lend(py, Slot::Clone, &mut table.clone)?)?;
        Ok(shown)
    }

    /// Put all columns back.
    fn give_back(&self, py: Python<'_>, table: &mut Table) {
        for (slot, loan) in &self.loans {
            match *slot {
                Slot::Trait(index) => give_back(py, loan, &mut table.columns[index]),
                Slot::Entered => give_back(py, loan, &mut table.entered),
                Slot::Marks => give_back(py, loan, &mut table.marks),
                Slot::Clone => give_back(py, loan, &mut table.clone),
            }
        }
    }
}

/// Put lent memory back; a copy of it, if some array still shows it.
fn give_back<T: Lendable>(_held: Python<'_>, loan: &Py<Loan>, column: &mut Vec<T>) {
    // SAFETY: the loan is alive, and the interpreter is held.
    let alone = unsafe { pyo3::ffi::Py_REFCNT(loan.as_ptr()) } == 1;
    let mut memory = loan.get().0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let returned = if alone { memory.take().and_then(T::unwrap) } else { memory.as_ref().and_then(T::peek).cloned() };
    *column = returned.unwrap_or_default();
}

/// The Python object that answers for slow rules and at visits.
pub struct Caller(pub Py<PyAny>);

impl Caller {
    /// Call a method with two numbers and what there is to see; columns are lent for as long as it runs.
    fn call<T>(
        &self,
        method: &str,
        numbers: (usize, usize),
        scene: Scene<'_>,
        read: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>,
    ) -> Result<T, Error> {
        Python::attach(|py| {
            let mut lent: Vec<Lent> = Vec::new();
            let answer = show(py, scene.about, scene.tables, &mut lent)
                .and_then(|shown| self.0.bind(py).call_method1(method, (numbers.0, numbers.1, shown)))
                .and_then(|answer| read(&answer));
            for each in lent {
                each.give_back(py, &mut scene.tables[each.fate]);
            }
            answer.map_err(|error| Error::Outside(Box::new(error)))
        })
    }
}

/// What there is to see, as a dict.
fn show<'py>(
    py: Python<'py>,
    about: &About,
    tables: &mut [Table],
    lent: &mut Vec<Lent>,
) -> PyResult<Bound<'py, PyDict>> {
    let shown = PyDict::new(py);
    shown.set_item("replicate", about.replicate)?;
    shown.set_item("time", about.time)?;
    shown.set_item("counts", &about.counts)?;
    shown.set_item("sums", &about.sums)?;
    shown.set_item("drugs", &about.drugs)?;
    shown.set_item("pools", &about.pools)?;
    shown.set_item("events", &about.events)?;
    let columns = PyList::empty(py);
    for (fate, table) in tables.iter_mut().enumerate() {
        if !about.current[fate] {
            columns.append(py.None())?;
            continue;
        }
        lent.push(Lent { fate, loans: Vec::new() });
        if let Some(last) = lent.last_mut() {
            columns.append(last.show(py, table, about.traits)?)?;
        }
    }
    shown.set_item("tables", columns)?;
    Ok(shown)
}

impl Outside for Caller {
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
