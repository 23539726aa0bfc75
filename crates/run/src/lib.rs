//! Runs the programs of matgrad-plan.
