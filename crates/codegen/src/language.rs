//! Where C and Rust differ: loops, declarations, conditions, casts, numbers, functions. All else
//! that is generated is the same text in both.

/// The type of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Real {
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}

impl Real {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Real::F32 => 4,
            Real::F64 => 8,
        }
    }
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// C99, which needs `math.h`.
    C,
    /// Rust without `std`, which needs nothing.
    Rust,
}

/// A language with its type of numbers.
#[derive(Clone, Copy)]
pub(crate) struct Syntax {
    pub language: Language,
    pub real: Real,
}

impl Syntax {
    /// The type of the numbers.
    pub fn type_name(self) -> &'static str {
        match (self.language, self.real) {
            (Language::C, Real::F32) => "float",
            (Language::C, Real::F64) => "double",
            (Language::Rust, Real::F32) => "f32",
            (Language::Rust, Real::F64) => "f64",
        }
    }

    pub fn number(self, x: f64) -> String {
        let infinity = || match self.language {
            Language::C => "INFINITY",
            Language::Rust => "Real::INFINITY",
        };
        if x.is_nan() {
            return match self.language {
                Language::C => "NAN".into(),
                Language::Rust => "Real::NAN".into(),
            };
        }
        let size = match (x.is_infinite(), self.real) {
            (true, _) => infinity().into(),
            (false, Real::F32) => format!("{:e}", x.abs() as f32),
            (false, Real::F64) => format!("{:e}", x.abs()),
        };
        let suffix = match (self.language, self.real) {
            (Language::C, Real::F32) if x.is_finite() => "f",
            (Language::C | Language::Rust, _) => "",
        };
        if x.is_sign_negative() { format!("(-{size}{suffix})") } else { size + suffix }
    }

    /// A loop of the index over a size, around lines of a body.
    pub fn each(self, index: &str, count: &str, body: &str) -> String {
        let head = match self.language {
            Language::C => format!("for (size_t {index} = 0; {index} < {count}; {index}++)"),
            Language::Rust => format!("for {index} in 0..{count}"),
        };
        block(&head, body)
    }

    /// The same from a first index on.
    pub fn from(self, index: &str, first: &str, count: &str, body: &str) -> String {
        let head = match self.language {
            Language::C => format!("for (size_t {index} = {first}; {index} < {count}; {index}++)"),
            Language::Rust => format!("for {index} in {first}..{count}"),
        };
        block(&head, body)
    }

    /// Lines that run where a condition holds.
    pub fn when(self, condition: &str, body: &str) -> String {
        block(&self.condition(condition), body)
    }

    fn condition(self, condition: &str) -> String {
        match self.language {
            Language::C => format!("if ({condition})"),
            Language::Rust => format!("if {condition}"),
        }
    }

    /// One of two values.
    pub fn choose(self, condition: &str, yes: &str, no: &str) -> String {
        match self.language {
            Language::C => format!("({condition}) ? {yes} : {no}"),
            Language::Rust => format!("if {condition} {{ {yes} }} else {{ {no} }}"),
        }
    }

    /// A number that changes.
    pub fn variable(self, name: &str, value: &str) -> String {
        match self.language {
            Language::C => format!("real {name} = {value};\n"),
            Language::Rust => format!("let mut {name}: Real = {value};\n"),
        }
    }

    /// A number that stays.
    pub fn constant(self, name: &str, value: &str) -> String {
        match self.language {
            Language::C => format!("const real {name} = {value};\n"),
            Language::Rust => format!("let {name}: Real = {value};\n"),
        }
    }

    /// An index that changes.
    pub fn counter(self, name: &str, value: &str) -> String {
        match self.language {
            Language::C => format!("size_t {name} = {value};\n"),
            Language::Rust => format!("let mut {name}: usize = {value};\n"),
        }
    }

    /// An index that stays.
    pub fn index(self, name: &str, value: &str) -> String {
        match self.language {
            Language::C => format!("const size_t {name} = {value};\n"),
            Language::Rust => format!("let {name}: usize = {value};\n"),
        }
    }

    /// What has to stand before registers are set.
    pub fn registers(self, count: usize) -> String {
        match (self.language, count) {
            (Language::C, 1..) => {
                let names: Vec<String> = (0..count).map(|r| format!("r{r}")).collect();
                format!("real {};\n", names.join(", "))
            }
            (Language::C, 0) | (Language::Rust, _) => String::new(),
        }
    }

    /// Sets a register, perhaps once more.
    pub fn register(self, register: usize, value: &str) -> String {
        match self.language {
            Language::C => format!("r{register} = {value};\n"),
            Language::Rust => format!("let r{register}: Real = {value};\n"),
        }
    }

    /// A size as a number.
    pub fn real(self, size: &str) -> String {
        match self.language {
            Language::C => format!("(real)({size})"),
            Language::Rust => format!("(({size}) as Real)"),
        }
    }

    /// 1 where a condition holds, else 0.
    pub fn test(self, condition: &str) -> String {
        match self.language {
            Language::C => format!("(real)({condition})"),
            Language::Rust => self.choose(condition, "1.0", "0.0"),
        }
    }

    /// A function of `math.h`, or of the file that goes with generated Rust.
    pub fn call(self, function: &str, operands: &str) -> String {
        match (self.language, self.real) {
            (Language::C, Real::F32) => format!("{function}f({operands})"),
            (Language::C, Real::F64) => format!("{function}({operands})"),
            (Language::Rust, _) => format!("{function}({operands})"),
        }
    }

    pub fn is_nan(self, x: &str) -> String {
        match self.language {
            Language::C => format!("isnan({x})"),
            Language::Rust => format!("{x}.is_nan()"),
        }
    }
}

/// Lines in braces, four columns in.
pub(crate) fn block(head: &str, body: &str) -> String {
    format!("{} {{\n{}}}\n", head, indented(body)).trim_start().into()
}

pub(crate) fn indented(lines: &str) -> String {
    lines.lines().map(|l| format!("    {l}\n")).collect()
}
