//! What the server refuses, and how fast it answers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use matgrad_studio::Session;

use crate::serve;

/// `127.0.0.1:PORT` and the token of an address.
fn parts(url: &str) -> (&str, &str) {
    let rest = url.trim_start_matches("http://").trim_end_matches('/');
    rest.split_once('/').expect("an address with a token")
}

/// Status and body of one request.
fn ask(host: &str, request: &str, headers: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(host).expect("the server listens");
    let length = body.len();
    let head = format!("{request} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n");
    let head = head + "Connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it reads");
    // A refused body may be cut off.
    stream.write_all(body).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, text.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.into()))
}

#[test]
fn strangers_are_refused() {
    let url = serve(Session::worked_example());
    let (host, token) = parts(&url);
    let own = format!("Host: {host}\r\n");
    let get = format!("GET /{token}/state");
    let status = |request: &str, headers: &str| ask(host, request, headers, b"").0;
    assert_eq!(status(&get, &own), 200);
    assert_eq!(status(&get, &format!("{own}Origin: http://{host}\r\n")), 200);
    let port = host.rsplit_once(':').expect("a port").1;
    assert_eq!(status(&get, &format!("Host: localhost:{port}\r\n")), 200);
    for path in ["/state", "/", "/0123456789abcdef0123456789abcdef/state"] {
        assert_eq!(status(&format!("GET {path}"), &own), 403, "{path}");
    }
    for headers in [
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: 192.168.0.1:{port}\r\n"),
        "Host: 127.0.0.1:1\r\n".to_string(),
        String::new(),
        format!("{own}Origin: http://evil.example\r\n"),
        format!("{own}Origin: null\r\n"),
    ] {
        assert!([400, 403].contains(&status(&get, &headers)), "{headers}");
    }
    assert_eq!(status(&format!("GET /{token}/secret"), &own), 404);
    assert_eq!(status(&format!("DELETE /{token}/state"), &own), 405);
}

#[test]
fn malformed_and_huge_messages_are_refused() {
    let url = serve(Session::worked_example());
    let (host, token) = parts(&url);
    let own = format!("Host: {host}\r\n");
    let post = |what: &str, body: &[u8]| ask(host, &format!("POST /{token}/{what}"), &own, body);
    for (body, status, word) in [
        (&b"{"[..], 400, "no message"),
        (b"\xff\xfe", 400, "no message"),
        (b"{\"do\":\"fly\"}", 400, "fly"),
        (b"{\"do\":\"edit\",\"text\":3}", 400, "no message"),
        (b"{\"do\":\"step\",\"to\":\"sideways\"}", 400, "sideways"),
        (b"{\"do\":\"follow\",\"rows\":\"9\"}", 422, "rows 1 to 1"),
        (b"{\"do\":\"follow\",\"rows\":\"\xc3\x97\"}", 422, "no rows"),
        (b"{\"do\":\"edit\",\"text\":\"Z = X W\"}", 200, "\\u"),
    ] {
        let (found, said) = post("do", body);
        assert_eq!(found, status, "{said}");
        assert!(found == 200 || said.contains(word), "{said}");
    }
    let (status, said) = post("do", &vec![b' '; 5 << 20]);
    assert!(status == 413 || status == 0, "{status} {said}");
    let (status, said) = post("table?name=a.csv", b"a,b\n1\n");
    assert_eq!(status, 422, "{said}");
    // A page with errors is told of, and the server lives on.
    let (status, said) = ask(host, &format!("GET /{token}/state"), &own, b"");
    assert!(status == 200 && said.contains("X") && said.contains("\"error\":{"), "{said}");
    for (what, status) in [
        ("numbers?of=0,9999,x", 200),
        ("why?entry=d_W1%5B1,2%5D", 200),
        ("why?entry=Q%5B1,2%5D", 422),
        ("copy?as=numpy", 200),
        ("copy?as=word", 422),
        ("plane", 200),
    ] {
        assert_eq!(ask(host, &format!("GET /{token}/{what}"), &own, b"").0, status, "{what}");
    }
}

/// A page of 1,000 equations, and one of a million weights: each answer's time and size.
#[test]
fn large_pages_are_answered_in_parts() {
    let mut long =
        String::from("input X : B×4\ntarget Y : B×4\nparam W : 4×4 ~ glorot\nA_0 = X W\n");
    for k in 1..=998 {
        long += &format!("A_{k} = tanh(A_{} W)\n", k - 1);
    }
    long += "L = mse(A_998, Y)\nminimize L\n";
    let wide = "input X : B×1000\ntarget Y : B×10\nparam W_1 : 1000×990 ~ glorot\n\
        param W_2 : 990×10 ~ glorot\nZ = tanh(X W_1) W_2\nL = cross_entropy(Z, Y)\nminimize L\n";
    for (name, text) in [("1,000 equations", long.as_str()), ("a million weights", wide)] {
        let url = serve(Session::worked_example());
        let (host, token) = parts(&url);
        let own = format!("Host: {host}\r\n");
        let edit =
            serde_json::json!({"do": "edit", "text": format!("{text}V = 2 L\n")}).to_string();
        let requests = [
            (format!("POST /{token}/do"), edit),
            (format!("POST /{token}/do"), "{\"do\":\"edit\",\"text\":\"Z = X W\"}".into()),
            (format!("GET /{token}/state"), String::new()),
            (format!("POST /{token}/do"), "{\"do\":\"step\",\"to\":\"backward\"}".into()),
            (format!("POST /{token}/do"), "{\"do\":\"step\",\"to\":\"update\"}".into()),
            (format!("GET /{token}/numbers?of=2,3,4,5,6,7,8,9,10"), String::new()),
        ];
        for (request, body) in requests {
            let began = Instant::now();
            let (status, said) = ask(host, &request, &own, body.as_bytes());
            let seconds = began.elapsed().as_secs_f64();
            let what = format!("{request} {:.20}", body).replace(token, "…");
            eprintln!("{name}: {what}: {seconds:.3} s, {} bytes", said.len());
            assert_eq!(status, 200, "{said:.300}");
            assert!(said.len() < 3_000_000, "{} bytes", said.len());
        }
    }
}
