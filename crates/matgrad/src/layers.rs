//! Layers that write equations.

use matgrad_expr::matrix::Matrix;
use matgrad_expr::syntax::canonical;
use matgrad_expr::window::Window;

/// A network by its layers; [`Layers::equations`] is the page that they are.
#[derive(Clone, Debug)]
pub struct Layers {
    inputs: usize,
    outputs: usize,
    picture: Option<[u32; 3]>,
    hidden: Vec<Layer>,
    activation: String,
    output: Option<String>,
    loss: String,
    weight_decay: f64,
    l1: f64,
    label_smoothing: f64,
    row_weights: Option<usize>,
    costs: Option<Matrix>,
}

#[derive(Clone, Copy, Debug)]
enum Layer {
    Dense(usize),
    Conv2d(Convolution),
    Pool(&'static str, Window),
    PoolAll(&'static str),
    NormalizeBatch,
    NormalizeRows,
    Dropout(f64),
    Noise(f64),
    Residual,
}

/// A convolution with square windows.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    /// Of the result.
    pub channels: usize,
    /// Height and width of the window.
    pub size: u32,
    /// From one place of the window to the next.
    pub stride: u32,
    /// Rows and columns of zeros on each side.
    pub pad: u32,
    /// From one entry of the window to the next.
    pub dilation: u32,
    /// Groups of channels, each seen by an equal share of the kernels; they divide both the
    /// picture's channels and those of the result.
    pub groups: u32,
}

impl Default for Convolution {
    /// Of one pixel, to one channel.
    fn default() -> Convolution {
        Convolution { channels: 1, size: 1, stride: 1, pad: 0, dilation: 1, groups: 1 }
    }
}

impl Layers {
    /// For tables of so many columns.
    pub(crate) fn new(inputs: usize, outputs: usize) -> Layers {
        Layers {
            inputs,
            outputs,
            picture: None,
            hidden: Vec::new(),
            activation: "tanh".into(),
            output: None,
            loss: "mse".into(),
            weight_decay: 0.0,
            l1: 0.0,
            label_smoothing: 0.0,
            row_weights: None,
            costs: None,
        }
    }

    /// Says that the inputs are pictures of this height and width, channel last.
    pub fn picture(mut self, height: u32, width: u32, channels: u32) -> Layers {
        self.picture = Some([height, width, channels]);
        self
    }

    fn with(mut self, layer: Layer) -> Layers {
        self.hidden.push(layer);
        self
    }

    /// Adds a hidden layer of this many units, with the activation.
    pub fn dense(self, units: usize) -> Layers {
        self.with(Layer::Dense(units))
    }

    /// Adds a convolution with square windows, with the activation.
    pub fn conv2d(self, channels: usize, size: u32, stride: u32, pad: u32) -> Layers {
        self.convolution(Convolution { channels, size, stride, pad, ..Convolution::default() })
    }

    /// Adds a convolution, dilated or in groups, with the activation.
    pub fn convolution(self, convolution: Convolution) -> Layers {
        self.with(Layer::Conv2d(convolution))
    }

    /// Adds pooling by the largest entry of squares that do not overlap.
    pub fn maxpool(self, size: u32) -> Layers {
        let window = Window { size: [size; 2], stride: [size; 2], ..Window::ONE };
        self.with(Layer::Pool("maxpool", window))
    }

    /// Adds pooling by the mean of squares that do not overlap.
    pub fn avgpool(self, size: u32) -> Layers {
        let window = Window { size: [size; 2], stride: [size; 2], ..Window::ONE };
        self.with(Layer::Pool("avgpool", window))
    }

    /// Adds pooling of each channel by its largest entry.
    pub fn global_maxpool(self) -> Layers {
        self.with(Layer::PoolAll("global_maxpool"))
    }

    /// Adds pooling of each channel by its mean.
    pub fn global_avgpool(self) -> Layers {
        self.with(Layer::PoolAll("global_avgpool"))
    }

    /// Adds batch normalisation: of channels where pictures are, else of columns.
    pub fn batch_norm(self) -> Layers {
        self.with(Layer::NormalizeBatch)
    }

    /// Adds layer normalisation.
    pub fn layer_norm(self) -> Layers {
        self.with(Layer::NormalizeRows)
    }

    /// Adds dropout of this share.
    pub fn dropout(self, share: f64) -> Layers {
        self.with(Layer::Dropout(share))
    }

    /// Adds normal noise of this deviation, in training alone; before all other layers it is noise
    /// on the inputs.
    pub fn noise(self, deviation: f64) -> Layers {
        self.with(Layer::Noise(deviation))
    }

    /// Adds a residual layer, X + tanh(X W + b).
    pub fn residual(self) -> Layers {
        self.with(Layer::Residual)
    }

    /// The activation of the last layer, for losses of values; without it the loss takes logits.
    pub fn output(mut self, name: &str) -> Layers {
        self.output = Some(name.into());
        self
    }

    /// The activation of the hidden layers, a function of the library.
    pub fn activation(mut self, name: &str) -> Layers {
        self.activation = name.into();
        self
    }

    /// The loss, a function of the library.
    pub fn loss(mut self, name: &str) -> Layers {
        self.loss = name.into();
        self
    }

    /// λ of the term λ/2 Σ W² of the objective.
    pub fn weight_decay(mut self, lambda: f64) -> Layers {
        self.weight_decay = lambda;
        self
    }

    /// λ of the term λ Σ |W| of the objective.
    pub fn l1(mut self, lambda: f64) -> Layers {
        self.l1 = lambda;
        self
    }

    /// ε of the targets (1 − ε) Y + ε / K, for one class of K.
    pub fn label_smoothing(mut self, share: f64) -> Layers {
        self.label_smoothing = share;
        self
    }

    /// An input S of this many columns weighs what each row (1) or each target adds to the loss.
    pub fn row_weights(mut self, columns: usize) -> Layers {
        self.row_weights = Some(columns);
        self
    }

    /// The matrix C of the loss `expected_cost`: a row for each true class, a column for each
    /// decision.
    pub fn costs(mut self, costs: &Matrix) -> Layers {
        self.costs = Some(costs.clone());
        self
    }

    /// The loss of this output as equations.
    fn loss_equations(&self, output: &str) -> String {
        let mut text = String::new();
        let mut target = "Y";
        if self.label_smoothing > 0.0 {
            let (kept, share) = (1.0 - self.label_smoothing, self.label_smoothing);
            text += &format!("T = {kept:?} Y + {share:?} / {}\n", self.outputs);
            target = "T";
        }
        let mut given = match self.loss.as_str() {
            "hinge" => format!("{output}, 2 {target} - 1"),
            _ => format!("{output}, {target}"),
        };
        if self.loss == "expected_cost" {
            given += ", C";
        }
        text + &match self.row_weights {
            None => format!("L = {}({given})\n", self.loss),
            Some(_) => format!("L = sum(S ⊙ {}_each({given})) / rows({output})\n", self.loss),
        }
    }

    /// The equations. A window that does not fit is refused when they are read.
    pub fn equations(&self) -> String {
        let mut page = Page { from: "X".into(), width: self.inputs, ..Page::default() };
        page.picture = self.picture;
        let numbers = 1 + self.hidden.iter().filter(|l| matches!(l, Layer::Dense(_))).count();
        for &layer in &self.hidden {
            self.add(layer, &mut page);
        }
        page.product("W", "b", &format!("{}×{}", page.width, self.outputs), "glorot", numbers);
        let mut last = page.define("Z", numbers, &format!("{} W{{k}} + b{{k}}", page.from));
        if let Some(activation) = &self.output {
            last = page.define("A", numbers, &format!("{activation}({last})"));
        }
        let mut text = format!("input X : B×{}\ntarget Y : B×{}\n", self.inputs, self.outputs);
        if let Some(columns) = self.row_weights {
            text += &format!("input S : B×{columns}\n");
        }
        if let Some(costs) = &self.costs {
            let rows: Vec<String> = (0..costs.rows)
                .map(|i| costs.row(i).iter().map(f64::to_string).collect::<Vec<_>>().join(" "))
                .collect();
            text += &format!("const C : {0}×{0} = [{1}]\n", costs.rows, rows.join("; "));
        }
        text += &page.parameters;
        text += &page.lines;
        text += &self.loss_equations(&last);
        let mut penalties = Vec::new();
        for (lambda, open, close) in
            [(self.weight_decay / 2.0, "sum(", " .^ 2)"), (self.l1, "sum(abs(", "))")]
        {
            if lambda > 0.0 {
                let terms: Vec<String> =
                    page.weights.iter().map(|w| format!("{open}{w}{close}")).collect();
                penalties.push(format!("{lambda:?} ({})", terms.join(" + ")));
            }
        }
        if penalties.is_empty() {
            text += "minimize L\n";
        } else {
            text += &format!("R = {}\nminimize L + R\n", penalties.join(" + "));
        }
        text
    }

    fn add(&self, layer: Layer, page: &mut Page) {
        let from = page.from.clone();
        let activation = &self.activation;
        match layer {
            Layer::Dense(units) => {
                let k = page.next("W");
                page.product("W", "b", &format!("{}×{units}", page.width), "glorot", k);
                let z = page.define("Z", k, &format!("{from} W{{k}} + b{{k}}"));
                page.from = page.define("A", k, &format!("{activation}({z})"));
                (page.width, page.picture) = (units, None);
            }
            Layer::Conv2d(Convolution { channels, size, stride, pad, dilation, groups }) => {
                let k = page.next("K");
                let window = page.window(Window {
                    size: [size; 2],
                    stride: [stride; 2],
                    pad: [pad; 4],
                    dilation: [dilation; 2],
                    groups,
                    ..Window::ONE
                });
                let rows = window.taps() * window.channels() / groups.max(1) as usize;
                page.product("K", "c", &format!("{rows}×{channels}"), "he", k);
                let unfolded = format!("unfold({from}, {})", arguments(&window, [1; 2]));
                let u = page.define("U", k, &unfolded);
                let groups = groups.max(1) as usize;
                let product = match groups {
                    1 => format!("{u} K{{k}}"),
                    _ => products(&u, "K{k}", [rows, channels / groups], 0, groups),
                };
                let c = page.define("C", k, &format!("{product} + c{{k}}"));
                page.from = page.define("F", k, &format!("reshape({activation}({c}), rows = B)"));
                page.results(&window, channels as u32);
            }
            Layer::Pool(function, window) => {
                let k = page.next("P");
                let window = page.window(window);
                let call = format!("{function}({from}, {})", arguments(&window, window.size));
                page.from = page.define("P", k, &call);
                page.results(&window, window.picture[2]);
            }
            Layer::PoolAll(function) => {
                let k = page.next("P");
                let window = page.window(Window::ONE);
                let [height, width, channels] = window.picture;
                let call = format!("{function}({from}, {height}×{width}×{channels})");
                page.from = page.define("P", k, &call);
                (page.width, page.picture) = (channels as usize, Some([1, 1, channels]));
            }
            Layer::NormalizeBatch => {
                let call = match page.picture {
                    Some([_, _, channels]) => format!("batch_norm2d({from}, {channels})"),
                    None => format!("batch_norm({from})"),
                };
                page.call("N", &call);
            }
            Layer::NormalizeRows => page.call("N", &format!("layer_norm({from})")),
            Layer::Dropout(share) => page.call("D", &format!("dropout({from}, {share:?})")),
            Layer::Noise(deviation) => {
                page.call("G", &format!("gaussian_noise({from}, {deviation:?})"));
            }
            Layer::Residual => page.call("H", &format!("residual({from})")),
        }
    }
}

/// Picture and window as arguments of a call.
fn arguments(w: &Window, usual_stride: [u32; 2]) -> String {
    let [height, width, channels] = w.picture;
    let mut text = format!("{height}×{width}×{channels}, {}×{}", w.size[0], w.size[1]);
    if w.stride != usual_stride {
        text += &format!(", stride {}", w.stride[0]);
    }
    if w.pad[0] > 0 {
        text += &format!(", pad {}", w.pad[0]);
    }
    if w.dilation != [1; 2] {
        text += &format!(", dilation {}", w.dilation[0]);
    }
    if w.groups != 1 {
        text += &format!(", groups {}", w.groups);
    }
    text
}

/// The products of so many groups from this one on, side by side: each has its columns of the
/// unfolded pictures and its own of the kernels, so that nothing is multiplied by zeros.
fn products(u: &str, k: &str, [rows, cols]: [usize; 2], first: usize, groups: usize) -> String {
    let part = |n: usize| format!("{}:{}", first * n + 1, (first + 1) * n);
    match groups {
        1 => format!("{u}[:, {}] {k}[:, {}]", part(rows), part(cols)),
        _ => {
            let left = products(u, k, [rows, cols], first, groups / 2);
            let right = products(u, k, [rows, cols], first + groups / 2, groups - groups / 2);
            format!("hcat({left}, {right})")
        }
    }
}

/// The page as far as it is written.
#[derive(Default)]
struct Page {
    parameters: String,
    lines: String,
    weights: Vec<String>,
    /// How many values have each letter.
    counts: std::collections::BTreeMap<&'static str, usize>,
    from: String,
    width: usize,
    picture: Option<[u32; 3]>,
}

/// `₁` of 1.
fn index(k: usize) -> String {
    canonical(&format!("x_{k}")).replacen('x', "", 1)
}

impl Page {
    fn next(&mut self, letter: &'static str) -> usize {
        let count = self.counts.entry(letter).or_default();
        *count += 1;
        *count
    }

    fn product(&mut self, weights: &str, bias: &str, shape: &str, how: &str, k: usize) {
        let (k, cols) = (index(k), shape.rsplit('×').next().unwrap_or("1"));
        self.parameters += &format!("param {weights}{k} : {shape} ~ {how}\n");
        self.parameters += &format!("param {bias}{k} : 1×{cols} = 0\n");
        self.weights.push(format!("{weights}{k}"));
    }

    fn define(&mut self, letter: &str, k: usize, value: &str) -> String {
        let k = index(k);
        self.lines += &format!("{letter}{k} = {}\n", value.replace("{k}", &k));
        format!("{letter}{k}")
    }

    fn call(&mut self, letter: &'static str, call: &str) {
        let k = self.next(letter);
        self.from = self.define(letter, k, call);
    }

    /// The window over the present pictures; a plain row is a picture of one pixel.
    fn window(&self, window: Window) -> Window {
        Window { picture: self.picture.unwrap_or([1, 1, self.width as u32]), ..window }
    }

    fn results(&mut self, window: &Window, channels: u32) {
        let [height, width] = window.output().unwrap_or([1; 2]);
        self.picture = Some([height, width, channels]);
        self.width = (height * width * channels) as usize;
    }
}
