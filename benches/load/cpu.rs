//! CPU seconds of the measured processes, as the kernel counts them.

use crate::Failure;

/// utime + stime of all `pids`, in seconds. The counter ticks in 10 ms (USER_HZ is 100 on every Linux port).
pub(crate) fn seconds(pids: &[u32]) -> Result<f64, Failure> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let mut ticks = 0;
    for pid in pids {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .map_err(|error| format!("the measured process {pid} is gone: {error}"))?;
        // The command's name is in parentheses and may hold anything, so the fields count from the last one:
        // state is field 3, utime 14 and stime 15 (proc_pid_stat(5)).
        let (_, fields) = stat.rsplit_once(") ").ok_or("unreadable /proc/PID/stat")?;
        for field in fields.split(' ').skip(11).take(2) {
            ticks += field.parse::<u64>()?;
        }
    }
    Ok(ticks as f64 / TICKS_PER_SECOND)
}
