//! Errors of expression graphs.

/// An expression graph that cannot be compiled.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExprError {
    /// A node uses a later node, itself, or one that is not there.
    #[error("node {node} uses node {operand}; a node may use earlier nodes only")]
    Order {
        /// The node.
        node: usize,
        /// What it uses.
        operand: usize,
    },
    /// A node points at something that the model does not have.
    #[error("node {node} reads {kind} {index}, but there are {count}")]
    Range {
        /// The node.
        node: usize,
        /// What it reads.
        kind: &'static str,
        /// Which.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A constant is not finite.
    #[error("node {node} is the constant {value}; a constant must be finite")]
    Constant {
        /// The node.
        node: usize,
        /// Its value.
        value: f64,
    },
    /// The graph is too large.
    #[error("the rules have {nodes} nodes, over the limit of {limit}; look for a loop that builds an expression")]
    Size {
        /// Nodes.
        nodes: usize,
        /// The limit.
        limit: usize,
    },
    /// A root is not in the graph.
    #[error("a rule is node {root}, but there are {nodes}")]
    Root {
        /// The root.
        root: usize,
        /// Nodes.
        nodes: usize,
    },
}

/// A graph that cannot be evaluated on columns.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ColumnError {
    /// The graph is not valid.
    #[error(transparent)]
    Graph(#[from] ExprError),
    /// An input has no column, or columns differ in length.
    #[error("{0}")]
    Columns(String),
}
