//! Witnesses as gauges, read when somebody asks for the metrics: how many report, and how many fell silent. Without names, for the
//! metrics are open.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;

use super::publisher::Views;
use crate::clock;
use crate::model::deployments::witness::Vigil;

/// Gauges of the witnesses that the latest view knows.
pub(super) struct WitnessGauges(pub(super) Views);

impl fmt::Debug for WitnessGauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WitnessGauges")
    }
}

impl Collector for WitnessGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let view = self.0.latest();
        let now = view.state.time().now(clock::now());
        let (mut reporting, mut silent) = (0_u64, 0_u64);
        let told = view.state.environments().flat_map(|(_, environment)| environment.witnesses().told(now));
        for witness in told {
            match witness.vigil {
                Vigil::Alive | Vigil::Beginning => reporting += 1,
                Vigil::Silent => silent += 1,
            }
        }
        let mut gauge = |name, help, value: u64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("reporting", "Witnesses that report what runs", reporting)?;
        gauge("silent", "Witnesses that reported within the last week, and do not any more", silent)
    }
}
