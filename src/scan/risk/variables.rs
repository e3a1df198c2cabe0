//! Hints from a container's variables: what takes the node for the place of published ports.

use crate::budget::Budget;
use crate::detect::published::on_the_node;
use crate::scan::risk::{Rule, Weight};

pub(super) static NODE_AS_HOST: Rule = Rule {
    id: "node-as-host",
    weight: Weight::Caution,
    title: "it looks for published ports at the node's address",
    help: "With a daemon of the Pod's own, published ports are at the Pod's own localhost, not at the \
           node. Set the variable to localhost, or remove it.",
    holds: |evidence| {
        let budget = Budget::new();
        // A Pod with more than the budget is refused, and that is told.
        let first = on_the_node(evidence.pod, evidence.container, &budget)
            .next()?
            .ok()?;
        let first = evidence.container.env.get(first.index)?;
        Some(first.name.to_string())
    },
};
