//! Programs on whole columns, for tests that compare a rule with its compiled form.

use super::error::ColumnError;
use super::{Dims, Graph, Input, LANES, Limits, NodeId, Program};

/// The number of everything that a rule can read: no model stands behind a bare graph, so nothing is out of range.
const ANY: usize = 1 << 16;

/// A column of lower ends and one of upper ends.
pub type ColumnEnds = (Vec<f32>, Vec<f32>);

/// Return the values of some nodes in single precision, one column for each node. Each input has a column, and all
/// columns have one length.
///
/// # Errors
/// [`ColumnError::Graph`] if the graph is not valid, [`ColumnError::Columns`] if an input is missing or columns differ in length.
pub fn values(
    graph: &Graph,
    roots: &[NodeId],
    params: &[f64],
    inputs: &[(Input, Vec<f32>)],
) -> Result<Vec<Vec<f32>>, ColumnError> {
    let (program, columns) = prepare(graph, roots, params, inputs)?;
    let bound = program.bind(params);
    let mut frame = bound.frame();
    let rows = inputs.first().map_or(1, |(_, column)| column.len());
    let mut out = vec![Vec::with_capacity(rows); roots.len()];
    let time = inputs.iter().find(|(input, _)| *input == Input::Time);
    for start in (0..rows).step_by(LANES) {
        let n = LANES.min(rows - start);
        if let (Some(clock), Some((_, column))) = (frame.clock_mut(), time) {
            fill(clock, &widened(&column[start..start + n]));
        }
        for (i, column) in columns.iter().enumerate() {
            fill(frame.input_mut(i), &inputs[*column].1[start..start + n]);
        }
        bound.values(&mut frame, n);
        for (k, out) in out.iter_mut().enumerate() {
            out.extend_from_slice(&frame.output(k)[..n]);
        }
    }
    Ok(out)
}

/// Return the bounds of some nodes over boxes, a lower and an upper column for each node. Each input has a column of
/// lower ends and one of upper ends.
///
/// # Errors
/// As [`values`].
pub fn bounds(
    graph: &Graph,
    roots: &[NodeId],
    params: &[f64],
    low: &[(Input, Vec<f32>)],
    high: &[(Input, Vec<f32>)],
) -> Result<Vec<ColumnEnds>, ColumnError> {
    let (program, columns) = prepare(graph, roots, params, low)?;
    let (_, same) = prepare(graph, roots, params, high)?;
    let bound = program.bind(params);
    let mut frame = bound.interval_frame();
    let rows = low.first().map_or(1, |(_, column)| column.len());
    if high.first().map_or(1, |(_, column)| column.len()) != rows {
        return Err(ColumnError::Columns("lower and upper ends differ in length".into()));
    }
    let mut out = vec![(Vec::with_capacity(rows), Vec::with_capacity(rows)); roots.len()];
    let time = |inputs: &[(Input, Vec<f32>)]| inputs.iter().position(|(input, _)| *input == Input::Time);
    let times = time(low).zip(time(high));
    for start in (0..rows).step_by(LANES) {
        let n = LANES.min(rows - start);
        if let (Some((to_low, to_high)), Some((l, h))) = (frame.clock_mut(), times) {
            fill(to_low, &widened(&low[l].1[start..start + n]));
            fill(to_high, &widened(&high[h].1[start..start + n]));
        }
        for (i, (l, h)) in columns.iter().zip(&same).enumerate() {
            let (to_low, to_high) = frame.input_mut(i);
            fill(to_low, &low[*l].1[start..start + n]);
            fill(to_high, &high[*h].1[start..start + n]);
        }
        bound.bounds(&mut frame, n);
        for (k, (lows, highs)) in out.iter_mut().enumerate() {
            let (l, h) = frame.output(k);
            lows.extend_from_slice(&l[..n]);
            highs.extend_from_slice(&h[..n]);
        }
    }
    Ok(out)
}

/// Compile the rules, and find the column of each of the program's inputs.
fn prepare(
    graph: &Graph,
    roots: &[NodeId],
    params: &[f64],
    inputs: &[(Input, Vec<f32>)],
) -> Result<(Program, Vec<usize>), ColumnError> {
    let dims =
        Dims { traits: ANY, callbacks: ANY, marks: ANY, drugs: ANY, pools: ANY, fates: ANY, params: params.len() };
    graph.check(&dims, &Limits::default())?;
    let program = Program::compile(graph, roots)?;
    let find = |input: &Input| {
        let found = inputs.iter().position(|(known, _)| known == input);
        found.ok_or_else(|| ColumnError::Columns(format!("the rule reads {input:?}, for which there are no values")))
    };
    let columns = program.inputs().iter().map(find).collect::<Result<_, _>>()?;
    if let Some((input, _)) = inputs.iter().find(|(_, column)| column.len() != inputs[0].1.len()) {
        return Err(ColumnError::Columns(format!(
            "the values of {input:?} differ in number from those of {:?}",
            inputs[0].0
        )));
    }
    Ok((program, columns))
}

/// Fill lanes. Idle lanes repeat the first, so that they compute with values like the others.
fn fill<T: Copy>(to: &mut [T; LANES], from: &[T]) {
    to[..from.len()].copy_from_slice(from);
    let first = to[0];
    to[from.len()..].fill(first);
}

fn widened(column: &[f32]) -> Vec<f64> {
    column.iter().copied().map(f64::from).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Binary, Node};
    use super::*;

    /// Return `age * 2 + time`, which the tests evaluate over more rows than there are lanes.
    fn graph() -> Graph {
        Graph {
            nodes: vec![
                Node::Input { input: Input::Age },
                Node::Param { index: 0 },
                Node::Binary { f: Binary::Mul, x: 0, y: 1 },
                Node::Input { input: Input::Time },
                Node::Binary { f: Binary::Add, x: 2, y: 3 },
            ],
        }
    }

    fn column(n: usize, factor: f32) -> Vec<f32> {
        (0..n).map(|i| i as f32 * factor).collect()
    }

    #[test]
    fn columns_of_any_length_are_evaluated() {
        for n in [1, LANES, 3 * LANES + 5] {
            let inputs = [(Input::Time, column(n, 1.0)), (Input::Age, column(n, 0.5))];
            assert_eq!(values(&graph(), &[4], &[2.0], &inputs).unwrap(), [column(n, 2.0)]);
            let high = [(Input::Age, column(n, 1.0)), (Input::Time, column(n, 1.0))];
            let bounds = bounds(&graph(), &[4], &[2.0], &inputs, &high).unwrap();
            assert_eq!((bounds[0].0.len(), bounds[0].1.len()), (n, n));
            assert!(bounds[0].0.iter().zip(column(n, 2.0)).all(|(low, x)| *low <= x && *low >= x - 1e-3));
            assert!(bounds[0].1.iter().zip(column(n, 3.0)).all(|(high, x)| *high >= x && *high <= x + 1e-3));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let (one, two) = ([(Input::Age, vec![1.0])], [(Input::Age, vec![1.0, 2.0])]);
        assert!(bounds(&graph(), &[0], &[2.0], &one, &two).unwrap_err().to_string().contains("differ in length"));
        let missing = values(&graph(), &[4], &[2.0], &[(Input::Time, vec![1.0])]).unwrap_err().to_string();
        assert!(missing.contains("Age"), "{missing}");
        let uneven = [(Input::Time, vec![1.0]), (Input::Age, vec![1.0, 2.0])];
        assert!(values(&graph(), &[4], &[2.0], &uneven).unwrap_err().to_string().contains("differ in number"));
        assert!(values(&graph(), &[4], &[], &uneven).is_err());
    }
}
