//! Backpropagation in matrix form, from the equation to the trained model.
