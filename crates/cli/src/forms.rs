//! `derive` in the forms beside matrix equations, and with equal layers rolled up.

use matgrad::forms::rolled::{self, Rule};
use matgrad::forms::typeset::{Document, Notation, Part, formula};
use matgrad::forms::{convolution, differential, index, vector};
use serde_json::{Value, json};

use crate::args::{Form, Format};
use crate::equations::Asked;
use crate::{Failure, say};

/// The form, which some formats are short for.
pub fn form_of(form: Form, format: Format) -> Form {
    match format {
        Format::Index => Form::Index,
        Format::Vec => Form::Vec,
        Format::Unicode
        | Format::Ascii
        | Format::Latex
        | Format::Mathml
        | Format::Numpy
        | Format::Julia
        | Format::Json => form,
    }
}

/// Prints a derivation in a form.
pub fn form(asked: &Asked, form: Form, format: Format) -> Result<(), Failure> {
    let (_, gradients) = asked.derived()?;
    let document = match form {
        Form::Index => index::form(&gradients).document(),
        Form::Vec => vector::form(&gradients).document(),
        Form::Convolution => {
            let form = convolution::form(&gradients);
            if form.each.is_empty() {
                return Err(Failure::input(
                    "no gradient goes back through a convolution; name its input with --wrt",
                ));
            }
            form.document()
        }
        Form::Matrix | Form::Differential => {
            let proof = differential::proof(&gradients);
            proof.map_err(|message| Failure { code: 1, message })?.document()
        }
    };
    write(format, &document, || json!({"lines": lines(&document)}))
}

/// Prints a derivation with equal layers as one.
pub fn rolled(asked: &Asked, format: Format) -> Result<(), Failure> {
    let (_, gradients) = asked.derived()?;
    let rolled = rolled::rolled(&gradients).map_err(Failure::input)?;
    let document = rolled.document();
    write(format, &document, || {
        let rules = |rules: &[Rule]| -> Vec<Value> {
            let rule = |r: &Rule| {
                let mut value = written(&r.text);
                value["layers"] = json!(r.layers);
                value
            };
            rules.iter().map(rule).collect()
        };
        let name = |(name, of): &(String, String)| json!({"name": name, "is": of});
        json!({
            "index": "l", "names": rolled.names.iter().map(name).collect::<Vec<_>>(),
            "forward": rules(&rolled.forward), "backward": rules(&rolled.backward),
            "step": {"layers": rolled.layers, "lines": lines(&Document(rolled.step.clone()))},
            "base": lines(&Document(rolled.base.clone())),
            "end": lines(&Document(rolled.end.clone())),
        })
    })
}

fn write(format: Format, document: &Document, json: impl Fn() -> Value) -> Result<(), Failure> {
    let notation = match format {
        Format::Unicode | Format::Index | Format::Vec => Notation::Unicode,
        Format::Ascii => Notation::Ascii,
        Format::Latex => Notation::Latex,
        Format::Mathml => Notation::Mathml,
        Format::Json => return say(format!("{}\n", json())),
        Format::Numpy | Format::Julia => {
            let message = "a program has matrix equations only; leave --form and --rolled out";
            return Err(Failure { code: 2, message: message.into() });
        }
    };
    say(document.write(notation))
}

fn written(text: &str) -> Value {
    json!({
        "unicode": formula(text, Notation::Unicode), "latex": formula(text, Notation::Latex),
        "ascii": formula(text, Notation::Ascii),
    })
}

fn lines(document: &Document) -> Vec<Value> {
    let line = |part: &Part| match part {
        Part::Text(_) => None,
        Part::Formula(text, note) => {
            let mut value = written(text);
            value["note"] = json!(note);
            Some(value)
        }
    };
    document.0.iter().filter_map(line).collect()
}
