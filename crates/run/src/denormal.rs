//! Numbers below the normal ones count as zero while a step runs: processors take a hundred times
//! as long for them, and Adam's averages go there.

/// While it lives, this thread's denormal numbers are zero, in operands and results.
pub(crate) struct Flushed {
    #[cfg(target_arch = "x86_64")]
    before: u32,
}

impl Flushed {
    #[cfg(target_arch = "x86_64")]
    pub fn new() -> Flushed {
        let before = control();
        // Flush to zero, and denormals are zero.
        set_control(before | 0x8040);
        Flushed { before }
    }

    /// Elsewhere they are as the processor has them.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn new() -> Flushed {
        Flushed {}
    }
}

#[cfg(target_arch = "x86_64")]
impl Drop for Flushed {
    fn drop(&mut self) {
        set_control(self.before);
    }
}

#[cfg(target_arch = "x86_64")]
fn control() -> u32 {
    let mut word = 0u32;
    // SAFETY: writes the control word of SSE, which every x86-64 has, to where it is told.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack)) };
    word
}

#[cfg(target_arch = "x86_64")]
fn set_control(word: u32) {
    // SAFETY: only the two bits for denormals differ from what the thread had.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &word, options(nostack, readonly)) };
}
