//! Decision packets: why an order was sent, or was not.
//!
//! One per decision, refusals included. A packet holds the case that the gates judged, so the same build can judge it again and must come to the same
//! decision; its hash covers every field. What became of the trade is a record of its own: a packet never changes. Start at [`Packet::seal`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::case::{EntryCase, ExitCase};
use crate::chain::{ChainError, canonical_json, sha256};
use crate::check::{Check, Figure};
use crate::gate::{Judgement, judge_entry, judge_exit};
use crate::id::{DecisionId, PacketId, Side};
use crate::money::Decimal;

/// Version of the layout of packets.
pub const SCHEMA: u32 = 1;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Decision {
    /// An entry was admitted.
    Buy,
    /// An exit was admitted.
    Sell,
    /// An exit was refused: the position stays.
    Hold,
    /// An entry was refused.
    Skip,
}

/// What the gates judged, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "intent", content = "case", rename_all = "snake_case")]
pub enum Inputs {
    /// An entry.
    Entry(Box<EntryCase>),
    /// An exit.
    Exit(Box<ExitCase>),
}

impl Inputs {
    /// Judges the inputs with this build.
    pub fn judge(&self) -> Judgement {
        match self {
            Inputs::Entry(case) => judge_entry(case),
            Inputs::Exit(case) => judge_exit(case),
        }
    }

    /// Returns the decision that they are about.
    pub fn decision_id(&self) -> DecisionId {
        match self {
            Inputs::Entry(case) => DecisionId::entry(case.day, &case.symbol, case.side),
            Inputs::Exit(case) => case.decision.clone(),
        }
    }

    /// Returns the New York date of the decision.
    pub fn day(&self) -> Date {
        match self {
            Inputs::Entry(case) => case.day,
            Inputs::Exit(case) => case.day,
        }
    }

    /// Returns when it was decided.
    pub fn at(&self) -> Timestamp {
        match self {
            Inputs::Entry(case) => case.at,
            Inputs::Exit(case) => case.at,
        }
    }

    fn decide(&self, judgement: &Judgement) -> Decision {
        match (self, judgement.admits()) {
            (Inputs::Entry(case), true) if case.side == Side::Buy => Decision::Buy,
            (Inputs::Entry(_), _) => Decision::Skip,
            (Inputs::Exit(_), true) => Decision::Sell,
            (Inputs::Exit(_), false) => Decision::Hold,
        }
    }
}

/// The market as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketSeen {
    /// Date of the bar.
    pub bar: Date,
    /// Prices as traded.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Shares traded, as text.
    pub volume: String,
    /// Close of the bar before.
    pub prior_close: Option<Decimal>,
    /// Best price to sell at.
    pub bid: Option<Decimal>,
    /// Best price to buy at.
    pub ask: Option<Decimal>,
}

/// What a model said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSaid {
    /// Name of the model.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it looked at.
    pub features: BTreeMap<String, Figure>,
    /// What it answered.
    pub output: Figure,
}

/// Everything beside the judged case that a reader wants to see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The bar and the quote.
    pub market: Option<MarketSeen>,
    /// Indicators by name.
    pub indicators: BTreeMap<String, Figure>,
    /// Models, if any spoke.
    pub ml_models: Vec<ModelSaid>,
    /// The signal: setup score, parts of the conviction and of the quality.
    pub signal: BTreeMap<String, Figure>,
    /// Hashes of the data used, by name.
    pub data_hashes: BTreeMap<String, String>,
    /// Frozen parameters of the strategy.
    pub strategy_params: BTreeMap<String, String>,
    /// Task, slot, configuration, build, calendar and whatever else says where this came from.
    pub context: BTreeMap<String, String>,
}

impl Evidence {
    /// Evidence of nothing, to be filled field by field.
    pub fn none() -> Evidence {
        Evidence {
            market: None,
            indicators: BTreeMap::new(),
            ml_models: Vec::new(),
            signal: BTreeMap::new(),
            data_hashes: BTreeMap::new(),
            strategy_params: BTreeMap::new(),
            context: BTreeMap::new(),
        }
    }
}

/// One decision, sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Packet {
    /// Its name: a hash of what was judged.
    pub packet_id: PacketId,
    /// The decision it is about; two setups of one symbol share it.
    pub decision_id: DecisionId,
    /// When it was decided.
    pub created_at: Timestamp,
    /// Version of the layout.
    pub version: u32,
    /// The build that decided.
    pub build: String,
    /// What the gates judged.
    pub inputs: Inputs,
    /// Every check with its numbers.
    pub risk: Judgement,
    /// The seven documented gates; empty where the entry gates refused before they were asked.
    pub gates: Vec<Check>,
    /// What was decided.
    pub decision: Decision,
    /// The name of the refusal, or of the cap that decided the size.
    pub decision_reason: String,
    /// What else there is to see.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// SHA-256 over all of the above, 64 hex digits.
    pub packet_hash: String,
}

/// What is wrong with a packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketFault {
    /// Its content was changed.
    #[error("{packet}: its content hashes to {computed}, it says {found}")]
    Changed {
        /// The packet.
        packet: PacketId,
        /// The hash of its content.
        computed: String,
        /// What it says.
        found: String,
    },
    /// This build decides otherwise.
    #[error("{packet}: decided {stored:?} ({reason}) by build {build}, this build decides {now:?} ({now_reason})")]
    Otherwise {
        /// The packet.
        packet: PacketId,
        /// The build that decided.
        build: String,
        /// What it decided.
        stored: Decision,
        /// And why.
        reason: String,
        /// What this build decides.
        now: Decision,
        /// And why.
        now_reason: String,
    },
    /// It cannot be hashed.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl Packet {
    /// Seals a decision: names it, judges nothing anew, and hashes every field.
    ///
    /// # Errors
    /// [`ChainError`] when a field cannot be written as canonical JSON.
    pub fn seal(
        build: &str,
        inputs: Inputs,
        judgement: Judgement,
        gates: Vec<Check>,
        evidence: Evidence,
    ) -> Result<Packet, ChainError> {
        let decision = inputs.decide(&judgement);
        let decision_reason = reason(&inputs, &judgement);
        let mut packet = Packet {
            packet_id: Packet::name(&inputs)?,
            decision_id: inputs.decision_id(),
            created_at: inputs.at(),
            version: SCHEMA,
            build: build.to_owned(),
            inputs,
            risk: judgement,
            gates,
            decision,
            decision_reason,
            evidence,
            packet_hash: String::new(),
        };
        packet.packet_hash = packet.hash()?;
        Ok(packet)
    }

    /// Returns the name that a packet of these inputs has.
    ///
    /// # Errors
    /// [`ChainError`] when they cannot be written as canonical JSON.
    pub fn name(inputs: &Inputs) -> Result<PacketId, ChainError> {
        let value = serde_json::to_value(inputs).map_err(|error| ChainError::Json(error.to_string()))?;
        let hash = sha256(canonical_json(&value)?.as_bytes());
        Ok(PacketId::stored(format!("PKT_{}", &hash[..32])))
    }

    /// Verifies that no field was changed and that this build still decides the same.
    ///
    /// # Errors
    /// [`PacketFault`].
    pub fn verify(&self) -> Result<(), PacketFault> {
        let computed = self.hash()?;
        if computed != self.packet_hash {
            return Err(PacketFault::Changed {
                packet: self.packet_id.clone(),
                computed,
                found: self.packet_hash.clone(),
            });
        }
        let judgement = self.inputs.judge();
        let (now, now_reason) = (self.inputs.decide(&judgement), reason(&self.inputs, &judgement));
        let shares = |judgement: &Judgement| judgement.sizing.as_ref().map(|sizing| sizing.qty);
        if (now, &now_reason, shares(&judgement)) == (self.decision, &self.decision_reason, shares(&self.risk)) {
            return Ok(());
        }
        Err(PacketFault::Otherwise {
            packet: self.packet_id.clone(),
            build: self.build.clone(),
            stored: self.decision,
            reason: self.decision_reason.clone(),
            now,
            now_reason,
        })
    }

    fn hash(&self) -> Result<String, ChainError> {
        let mut value = serde_json::to_value(self).map_err(|error| ChainError::Json(error.to_string()))?;
        if let Some(map) = value.as_object_mut() {
            map.remove("packet_hash");
        }
        Ok(sha256(canonical_json(&value)?.as_bytes()))
    }
}

fn reason(inputs: &Inputs, judgement: &Judgement) -> String {
    match (&judgement.refusal, inputs, &judgement.sizing) {
        (Some(refusal), ..) => refusal.clone(),
        (None, Inputs::Exit(case), _) => case.reason.to_string(),
        (None, Inputs::Entry(_), Some(sizing)) => sizing.binding.to_string(),
        (None, Inputs::Entry(_), None) => "pass".to_owned(),
    }
}

#[cfg(test)]
mod tests;
