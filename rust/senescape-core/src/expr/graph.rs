//! The expression graph of rules: a list of nodes, each of which uses earlier ones only.

use super::error::ExprError;
use serde::{Deserialize, Serialize};

/// A node's place in its graph.
pub type NodeId = u32;

/// Something that a rule reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A trait of the cell.
    Trait(u16),
    /// The value that a callback rule gave the cell.
    #[serde(rename = "slow")]
    Callback(u16),
    /// A mark of the cell: 0 or 1.
    Mark(u16),
    /// Hours since the cell entered its fate.
    Age,
    /// Hours since the start.
    Time,
    /// A drug's concentration.
    Drug(u16),
    /// A pool.
    Pool(u16),
    /// The number of cells of a fate.
    Count(u16),
    /// The sum of a trait over the cells of a fate.
    Sum {
        /// The fate.
        fate: u16,
        /// The trait.
        of: u16,
    },
    /// The mean of a trait over the cells of a fate.
    Mean {
        /// The fate.
        fate: u16,
        /// The trait.
        of: u16,
    },
}

/// A function of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is the NumPy function of its name")]
pub enum Unary {
    Neg,
    Abs,
    Sqrt,
    Cbrt,
    Square,
    Reciprocal,
    Exp,
    Exp2,
    Expm1,
    Log,
    Log2,
    Log10,
    Log1p,
    Sin,
    Cos,
    Tanh,
    Floor,
    Ceil,
    Sign,
    Not,
}

/// A function of two operands. Comparisons and logic give 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is the NumPy function of its name")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Pow,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
}

/// One node of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Node {
    /// A number.
    Const {
        /// Its value.
        value: f64,
    },
    /// A parameter.
    Param {
        /// Which.
        index: u32,
    },
    /// Something of the cell or the environment.
    Input {
        /// What.
        input: Input,
    },
    /// A function of one operand.
    Unary {
        /// Which.
        f: Unary,
        /// Its operand.
        x: NodeId,
    },
    /// A function of two operands.
    Binary {
        /// Which.
        f: Binary,
        /// The first operand.
        x: NodeId,
        /// The second operand.
        y: NodeId,
    },
    /// `x` where the condition is not zero, else `y`.
    Where {
        /// The condition.
        c: NodeId,
        /// Taken where it holds.
        x: NodeId,
        /// Taken elsewhere.
        y: NodeId,
    },
}

/// A list of nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Graph {
    /// The nodes; operands come before their users.
    pub nodes: Vec<Node>,
}

/// How many of each thing a model has.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "each is the number of what it names")]
pub struct Dims {
    pub traits: usize,
    pub callbacks: usize,
    pub marks: usize,
    pub drugs: usize,
    pub pools: usize,
    pub fates: usize,
    pub params: usize,
}

/// Limits on graphs that a document holds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most nodes.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 100_000 }
    }
}

impl Graph {
    /// Check the order of nodes, the ranges of what they read, constants and size.
    ///
    /// # Errors
    /// [`ExprError`], naming the node.
    pub fn check(&self, dims: &Dims, limits: &Limits) -> Result<(), ExprError> {
        if self.nodes.len() > limits.nodes {
            return Err(ExprError::Size { nodes: self.nodes.len(), limit: limits.nodes });
        }
        for (node, each) in self.nodes.iter().enumerate() {
            let within = |kind, index: usize, count| {
                if index < count { Ok(()) } else { Err(ExprError::Range { node, kind, index, count }) }
            };
            match *each {
                Node::Const { value } if !value.is_finite() => return Err(ExprError::Constant { node, value }),
                Node::Const { .. } => {}
                Node::Param { index } => within("parameter", index as usize, dims.params)?,
                Node::Input { input } => match input {
                    Input::Trait(i) => within("trait", i.into(), dims.traits)?,
                    Input::Callback(i) => within("slow rule", i.into(), dims.callbacks)?,
                    Input::Mark(i) => within("mark", i.into(), dims.marks)?,
                    Input::Drug(i) => within("drug", i.into(), dims.drugs)?,
                    Input::Pool(i) => within("pool", i.into(), dims.pools)?,
                    Input::Count(i) => within("fate", i.into(), dims.fates)?,
                    Input::Sum { fate, of } | Input::Mean { fate, of } => {
                        within("fate", fate.into(), dims.fates)?;
                        within("trait", of.into(), dims.traits)?;
                    }
                    Input::Age | Input::Time => {}
                },
                Node::Unary { x, .. } => operand_order(node, &[x])?,
                Node::Binary { x, y, .. } => operand_order(node, &[x, y])?,
                Node::Where { c, x, y } => operand_order(node, &[c, x, y])?,
            }
        }
        Ok(())
    }
}

/// Refuse an operand that does not come before its user.
pub(super) fn operand_order(node: usize, operands: &[NodeId]) -> Result<(), ExprError> {
    match operands.iter().find(|x| **x as usize >= node) {
        Some(x) => Err(ExprError::Order { node, operand: *x as usize }),
        None => Ok(()),
    }
}
