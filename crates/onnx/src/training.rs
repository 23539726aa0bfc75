//! ONNX's training operators (`ai.onnx.preview.training`) as update rules in the language.

use crate::Error;
use crate::proto::NodeProto;

/// The update rule that a training operator is, as a page: `η` is its `R`, `t` its `T`, which
/// counts from 0 or 1 as the caller has it.
///
/// # Errors
/// [`Error::Refused`] for an operator that is none of Adagrad, Adam and Momentum.
pub fn update_rules(node: &NodeProto) -> Result<String, Error> {
    let number = |name: &str, default: f32| {
        let found = node.attribute.iter().find(|a| a.name() == name).and_then(|a| a.f);
        found.unwrap_or(default)
    };
    let text = |name: &str| {
        let found = node.attribute.iter().find(|a| a.name() == name).and_then(|a| a.s.as_deref());
        String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
    };
    let norm = number("norm_coefficient", 0.0);
    match node.op_type() {
        "Adagrad" => Ok(format!(
            "optimizer onnx_adagrad(η = 0.01, λ = {norm:?}, δ = {:?}, ε = {:?})\n  \
             state H = 0\n  \
             D ← λ W + G\n  \
             H ← H + D .^ 2\n  \
             W ← W - ((η / (1 + t δ)) D) ⊘ (sqrt(H) + ε)\n",
            number("decay_factor", 0.0),
            number("epsilon", 0.0),
        )),
        // No correction before the first step: s is 0 at t = 0, else 1.
        "Adam" => Ok(format!(
            "optimizer onnx_adam(η = 0.01, λ = {norm:?}, μ = {:?}, α = {:?}, β = {:?}, ε = {:?})\n  \
             state V = 0, H = 0\n  \
             D ← λ W + G\n  \
             V ← α V + (1 - α) D\n  \
             H ← β H + (1 - β) D .^ 2\n  \
             s ← min(t, 1)\n  \
             r ← η sqrt(1 - s β ^ t) / (1 - s α ^ t)\n  \
             W ← (1 - μ) (W - (r V) ⊘ (sqrt(H) + ε))\n",
            number("norm_coefficient_post", 0.0),
            number("alpha", 0.9),
            number("beta", 0.999),
            number("epsilon", 0.0),
        )),
        "Momentum" => {
            let nesterov = text("mode") == "nesterov";
            Ok(format!(
                "optimizer onnx_momentum(η = 0.01, λ = {norm:?}, α = {:?}, β = {:?})\n  \
                 state V = 0\n  \
                 D ← λ W + G\n  \
                 s ← min(t, 1)\n  \
                 V ← α V + (s β + 1 - s) D\n  \
                 W ← W - η {}\n",
                number("alpha", 0.0),
                number("beta", 0.0),
                if nesterov { "(D + α V)" } else { "V" },
            ))
        }
        other => Err(Error::Refused {
            op: other.into(),
            node: node.name().into(),
            why: "no update rule is known for it".into(),
        }),
    }
}
