//! What rules read: the inputs of a node, and the traits that a model has to hold.

use crate::document::{Aggregation, DistDocument, InheritDocument, ModelDocument};
use crate::expr::{Graph, Input, Node, NodeId};

/// Return the inputs that a node reads, each once.
pub(super) fn reads(graph: &Graph, root: NodeId) -> Vec<Input> {
    let mut seen = vec![false; root as usize + 1];
    seen[root as usize] = true;
    let mut found = Vec::new();
    // Operands have smaller numbers, so one pass down the list visits every node that the root reaches.
    for id in (0..=root as usize).rev() {
        if !seen[id] {
            continue;
        }
        match graph.nodes[id] {
            Node::Const { .. } | Node::Param { .. } => {}
            Node::Input { input } => {
                if !found.contains(&input) {
                    found.push(input);
                }
            }
            Node::Unary { x, .. } => seen[x as usize] = true,
            Node::Binary { x, y, .. } => {
                seen[x as usize] = true;
                seen[y as usize] = true;
            }
            Node::Where { c, x, y } => {
                seen[c as usize] = true;
                seen[x as usize] = true;
                seen[y as usize] = true;
            }
        }
    }
    found
}

/// Return the traits that some rule reads, directly or through the flow, inheritance or start of another such trait.
pub(super) fn traits_read(document: &ModelDocument) -> Vec<usize> {
    let mut roots: Vec<NodeId> = document.transitions.iter().map(|t| t.hazard).collect();
    roots.extend(document.observables.iter().filter(|o| o.kind != Aggregation::Count).map(|o| o.value));
    roots.extend(document.pools.iter().map(|p| p.rate));
    let mut traits = vec![false; document.traits.len()];
    while let Some(root) = roots.pop() {
        for input in reads(&document.nodes, root) {
            let (Input::Trait(of) | Input::Sum { of, .. } | Input::Mean { of, .. }) = input else { continue };
            let of = usize::from(of);
            if std::mem::replace(&mut traits[of], true) {
                continue;
            }
            let each = &document.traits[of];
            roots.extend(each.flows.iter().map(|f| f.target));
            if let InheritDocument::Rule { value } = each.inherit {
                roots.push(value);
            }
            let sets = document.transitions.iter().flat_map(|t| &t.set).filter(|s| s.of == of).map(|s| &s.value);
            for value in sets.chain([&each.initial]) {
                if let DistDocument::Rule { value } = value {
                    roots.push(*value);
                }
            }
        }
    }
    (0..traits.len()).filter(|&of| traits[of]).collect()
}
