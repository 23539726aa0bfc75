//! Activations, losses, layers and update rules as equations.
