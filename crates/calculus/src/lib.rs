//! Derivation and simplification of matrix equations.
