//! The intermediate form: a list of nodes, each using earlier ones only.

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
    pub marks: usize,
    pub drugs: usize,
    pub pools: usize,
    pub fates: usize,
    pub params: usize,
}

/// Limits on graphs from outside.
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
    /// Check order, ranges, constants and size.
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
            each.check_alone(node)?;
            match *each {
                Node::Param { index } => within("parameter", index as usize, dims.params)?,
                Node::Input { input } => match input {
                    Input::Trait(i) => within("trait", i.into(), dims.traits)?,
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
                Node::Const { .. } | Node::Unary { .. } | Node::Binary { .. } | Node::Where { .. } => {}
            }
        }
        Ok(())
    }
}

impl Node {
    /// The nodes that it uses.
    pub fn operands(&self) -> impl Iterator<Item = NodeId> + use<> {
        let (operands, count) = match *self {
            Self::Const { .. } | Self::Param { .. } | Self::Input { .. } => ([0; 3], 0),
            Self::Unary { x, .. } => ([x, 0, 0], 1),
            Self::Binary { x, y, .. } => ([x, y, 0], 2),
            Self::Where { c, x, y } => ([c, x, y], 3),
        };
        operands.into_iter().take(count)
    }

    /// The name of what it does, as in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Const { .. } => "const",
            Self::Param { .. } => "param",
            Self::Input { .. } => "input",
            Self::Unary { f, .. } => f.name(),
            Self::Binary { f, .. } => f.name(),
            Self::Where { .. } => "where",
        }
    }

    /// Check what needs no knowledge of the model: that operands come before and that a constant is finite.
    pub(super) fn check_alone(&self, node: usize) -> Result<(), ExprError> {
        if let Some(operand) = self.operands().find(|x| *x as usize >= node) {
            return Err(ExprError::Order { node, op: self.name(), operand: operand as usize });
        }
        match *self {
            Self::Const { value } if !value.is_finite() => Err(ExprError::Constant { node, value }),
            _ => Ok(()),
        }
    }
}

impl Unary {
    /// Every one.
    pub const ALL: [Self; 20] = [
        Self::Neg,
        Self::Abs,
        Self::Sqrt,
        Self::Cbrt,
        Self::Square,
        Self::Reciprocal,
        Self::Exp,
        Self::Exp2,
        Self::Expm1,
        Self::Log,
        Self::Log2,
        Self::Log10,
        Self::Log1p,
        Self::Sin,
        Self::Cos,
        Self::Tanh,
        Self::Floor,
        Self::Ceil,
        Self::Sign,
        Self::Not,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neg => "neg",
            Self::Abs => "abs",
            Self::Sqrt => "sqrt",
            Self::Cbrt => "cbrt",
            Self::Square => "square",
            Self::Reciprocal => "reciprocal",
            Self::Exp => "exp",
            Self::Exp2 => "exp2",
            Self::Expm1 => "expm1",
            Self::Log => "log",
            Self::Log2 => "log2",
            Self::Log10 => "log10",
            Self::Log1p => "log1p",
            Self::Sin => "sin",
            Self::Cos => "cos",
            Self::Tanh => "tanh",
            Self::Floor => "floor",
            Self::Ceil => "ceil",
            Self::Sign => "sign",
            Self::Not => "not",
        }
    }
}

impl Binary {
    /// Every one.
    pub const ALL: [Self; 15] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Min,
        Self::Max,
        Self::Pow,
        Self::Lt,
        Self::Le,
        Self::Gt,
        Self::Ge,
        Self::Eq,
        Self::Ne,
        Self::And,
        Self::Or,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
            Self::Min => "min",
            Self::Max => "max",
            Self::Pow => "pow",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Trait(i) => write!(out, "trait {i}"),
            Self::Mark(i) => write!(out, "mark {i}"),
            Self::Age => out.write_str("age"),
            Self::Time => out.write_str("time"),
            Self::Drug(i) => write!(out, "drug {i}"),
            Self::Pool(i) => write!(out, "pool {i}"),
            Self::Count(i) => write!(out, "count of fate {i}"),
            Self::Sum { fate, of } => write!(out, "sum of trait {of} in fate {fate}"),
            Self::Mean { fate, of } => write!(out, "mean of trait {of} in fate {fate}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(text: &str) -> Graph {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn json_is_as_documented() {
        let text = r#"[{"op":"const","value":0.5},{"op":"param","index":3},{"op":"input","input":{"trait":0}},
            {"op":"input","input":"age"},{"op":"input","input":{"mean":{"fate":0,"of":1}}},
            {"op":"unary","f":"log1p","x":2},{"op":"binary","f":"add","x":0,"y":1},{"op":"where","c":4,"x":1,"y":2}]"#;
        let graph = graph(text);
        assert_eq!(graph.nodes[4], Node::Input { input: Input::Mean { fate: 0, of: 1 } });
        assert_eq!(graph.nodes[5], Node::Unary { f: Unary::Log1p, x: 2 });
        let again: Graph = serde_json::from_str(&serde_json::to_string(&graph).unwrap()).unwrap();
        assert_eq!(again, graph);
        let dims = Dims { traits: 2, fates: 1, params: 4, ..Dims::default() };
        assert_eq!(graph.check(&dims, &Limits::default()), Ok(()));
    }

    #[test]
    fn names_are_those_of_json() {
        for f in Unary::ALL {
            assert_eq!(serde_json::to_value(f).unwrap(), f.name());
        }
        for f in Binary::ALL {
            assert_eq!(serde_json::to_value(f).unwrap(), f.name());
        }
    }

    #[test]
    fn faults_name_the_node() {
        let dims = Dims { traits: 1, ..Dims::default() };
        let fault = |text: &str| graph(text).check(&dims, &Limits { nodes: 3 }).unwrap_err().to_string();
        let order = fault(r#"[{"op":"binary","f":"mul","x":0,"y":7}]"#);
        assert_eq!(order, "node 0 (mul) uses node 0; a node may use earlier nodes only, so list operands first");
        assert!(fault(r#"[{"op":"input","input":{"trait":1}}]"#).contains("node 0 reads trait 1, but the model has 1"));
        assert!(fault(r#"[{"op":"input","input":{"sum":{"fate":0,"of":0}}}]"#).contains("fate 0"));
        assert!(fault(r#"[{"op":"param","index":4294967295}]"#).contains("parameter 4294967295"));
        let four = r#"[{"op":"const","value":1},{"op":"const","value":1},{"op":"const","value":1},{"op":"const","value":1}]"#;
        assert!(fault(four).contains("4 nodes, over the limit of 3"));
        let infinite = Graph { nodes: vec![Node::Const { value: f64::INFINITY }] };
        assert_eq!(
            infinite.check(&dims, &Limits::default()),
            Err(ExprError::Constant { node: 0, value: f64::INFINITY })
        );
    }

    #[test]
    fn hostile_json_is_refused() {
        for text in [
            r#"[{"op":"const","value":1e999}]"#,
            r#"[{"op":"const","value":null}]"#,
            r#"[{"op":"const","value":1,"more":2}]"#,
            r#"[{"op":"unary","f":"system","x":0}]"#,
            r#"[{"op":"unary","f":"exp","x":-1}]"#,
            r#"[{"op":"input","input":{"trait":70000}}]"#,
            r#"{"nodes":[]}"#,
        ] {
            assert!(serde_json::from_str::<Graph>(text).is_err(), "{text}");
        }
    }
}
