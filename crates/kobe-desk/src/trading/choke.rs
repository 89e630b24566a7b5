//! The choke: the only place from which an order leaves.
//!
//! One order at a time: judge the case, seal the packet, store packet, intent and reserved budget in one transaction, ask once more immediately before the send, send, book
//! what came of it. A decision that was ever intended is not sent again. What nobody can tell (was it sent?) is never resent: it closes entries and waits for a person.

use jiff::Timestamp;
use kobe_plan::TradeRight;
use kobe_trade::book::{Book, Position};
use kobe_trade::check::{Ask, Check};
use kobe_trade::fact::{Fact, What};
use kobe_trade::gate::{Judgement, SendCase, SevenCase, judge_entry, judge_exit, permit, policy_verdict, seven_gates};
use kobe_trade::id::{DecisionId, PositionId};
use kobe_trade::kill::KillState;
use kobe_trade::order::{ExitReason, Intent, OrderEvent, OrderState, Ticket};
use kobe_trade::packet::{Evidence, Inputs, Packet};
use kobe_trade::ports::{AckStatus, BooksError, BrokerError};
use kobe_trade::quote::Quote;
use kobe_trade::zone::{self, ZoneRules};

use super::candidate::Candidate;
use super::case;
use crate::call::Call;
use crate::data::DataSet;
use crate::services::Services;

/// Which gate row asks; each has its own floors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// 10:15, after the scan of the morning.
    Primary,
    /// 10:31, when the morning brought nothing.
    Fallback,
    /// 14:32.
    PowerHour,
}

/// What became of one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A gate refused; its name.
    Refused(String),
    /// It was sent and filled; shares.
    Filled(u64),
    /// It was sent and not filled; why.
    NotFilled(String),
    /// The same decision was carried out before.
    Duplicate,
}

/// Why a decision could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum ChokeError {
    /// The books did not take it.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// Something about it could not be written down.
    #[error("{0}")]
    Record(String),
    /// Nobody knows whether the order was sent.
    #[error("{0}: {1}")]
    Unknown(DecisionId, String),
}

/// A decision that was judged and is not booked yet.
struct Judged {
    inputs: Inputs,
    judgement: Judgement,
    gates: Vec<Check>,
    evidence: Evidence,
    ticket: Option<Ticket>,
    quote: Option<Quote>,
}

/// The right of the row decides, not what its function could do.
fn require(call: &Call<'_>, holds: bool, right: &str) -> Result<(), ChokeError> {
    if holds {
        Ok(())
    } else {
        Err(ChokeError::Record(format!("task {} does not hold the right `{right}`: nothing was sent", call.task())))
    }
}

/// Judges anew when someone else booked a fact between the look and the intent: nothing was stored and nothing was sent then.
fn again_on_conflict(attempt: impl Fn() -> Result<Verdict, ChokeError>) -> Result<Verdict, ChokeError> {
    for _ in 0..4 {
        match attempt() {
            Err(ChokeError::Books(BooksError::Conflict { .. })) => continue,
            ended => return ended,
        }
    }
    attempt()
}

impl Services {
    /// Carries one candidate through the gates and, if they all pass, to the broker.
    ///
    /// # Errors
    /// [`ChokeError`]; an order whose fate is unknown closes entries.
    pub fn enter(
        &self,
        call: &Call<'_>,
        data: &DataSet,
        candidate: &Candidate<'_>,
        window: Window,
    ) -> Result<Verdict, ChokeError> {
        require(call, call.attempt.task().right == TradeRight::Open, "open")?;
        again_on_conflict(|| self.try_enter(call, data, candidate, window))
    }

    fn try_enter(
        &self,
        call: &Call<'_>,
        data: &DataSet,
        candidate: &Candidate<'_>,
        window: Window,
    ) -> Result<Verdict, ChokeError> {
        let _one_at_a_time = self.hold_choke();
        let at = self.clock().now();
        let switch = self.kill().read(at);
        let book = self.note_kill(&switch, at)?;
        let case = case::entry(call, data, candidate, &book, &switch, window, at).map_err(ChokeError::Record)?;
        let quote = case.data.quote.known().cloned();
        let judgement = judge_entry(&case);
        let evidence = case::evidence(call, data, candidate, quote.as_ref());
        let name = |inputs: &Inputs| Packet::name(inputs).map_err(|e| ChokeError::Record(e.to_string()));
        let seven = judgement.admits().then(|| {
            let sizing = judgement.sizing.as_ref().map_or_else(Default::default, |s| s.notional);
            let policy = policy_verdict(case.mode, sizing, book.budget_on(case.day).used());
            self.seven(at, Intent::Entry, &switch, &case.kill, policy)
        });
        let inputs = Inputs::Entry(Box::new(case));
        let Inputs::Entry(case) = &inputs else { unreachable!("just made") };
        let ticket = match &seven {
            Some(gates) => judgement.entry_ticket(case, name(&inputs)?, gates.clone()),
            None => None,
        };
        self.decide(
            call,
            &book,
            Judged { inputs: inputs.clone(), judgement, gates: seven.unwrap_or_default(), evidence, ticket, quote },
        )
    }

    /// Judges a candidate as [`Services::enter`] would, and books nothing.
    ///
    /// # Errors
    /// A sentence, when the case cannot be put together.
    pub fn would_enter(
        &self,
        call: &Call<'_>,
        data: &DataSet,
        candidate: &Candidate<'_>,
        window: Window,
    ) -> Result<Judgement, String> {
        let at = self.clock().now();
        let switch = self.kill().read(at);
        Ok(judge_entry(&case::entry(call, data, candidate, &self.book(), &switch, window, at)?))
    }

    /// Sells a whole position.
    ///
    /// # Errors
    /// [`ChokeError`]; an order whose fate is unknown closes entries.
    pub fn leave_position(&self, call: &Call<'_>, id: &PositionId, reason: ExitReason) -> Result<Verdict, ChokeError> {
        require(call, call.attempt.task().right.trades(), "reduce")?;
        again_on_conflict(|| self.try_leave(call, id, reason))
    }

    fn try_leave(&self, call: &Call<'_>, id: &PositionId, reason: ExitReason) -> Result<Verdict, ChokeError> {
        let _one_at_a_time = self.hold_choke();
        let at = self.clock().now();
        let switch = self.kill().read(at);
        let book = self.note_kill(&switch, at)?;
        let Some(position): Option<&Position> = book.position_by_id(id) else { return Ok(Verdict::Duplicate) };
        let case = case::exit(self, position, reason, &book, &switch, at);
        let quote = case.quote.known().cloned();
        let judgement = judge_exit(&case);
        let seven = judgement
            .admits()
            .then(|| self.seven(at, Intent::Exit, &switch, &case.kill, Ok("an exit uses no budget".into())));
        let mut evidence = Evidence::none();
        evidence.context = case::context(call);
        let inputs = Inputs::Exit(Box::new(case));
        let Inputs::Exit(case) = &inputs else { unreachable!("just made") };
        let ticket = match &seven {
            Some(gates) => {
                let packet = Packet::name(&inputs).map_err(|e| ChokeError::Record(e.to_string()))?;
                judgement.exit_ticket(case, packet, gates.clone())
            }
            None => None,
        };
        self.decide(
            call,
            &book,
            Judged { inputs: inputs.clone(), judgement, gates: seven.unwrap_or_default(), evidence, ticket, quote },
        )
    }

    fn seven(
        &self,
        at: Timestamp,
        intent: Intent,
        switch: &KillState,
        kill: &kobe_trade::kill::KillAnswer,
        policy: Result<String, String>,
    ) -> Vec<Check> {
        seven_gates(&SevenCase { at, intent, switch, read_at: at, kill, endpoint: &self.broker().endpoint(), policy })
    }

    /// Books a switch that was found pulled: from then on it holds although its file may vanish.
    fn note_kill(&self, switch: &KillState, at: Timestamp) -> Result<std::sync::Arc<Book>, ChokeError> {
        Ok(crate::kill::note(self.books(), switch, at, self.market().date_of(at))?.0)
    }

    fn decide(&self, call: &Call<'_>, book: &Book, judged: Judged) -> Result<Verdict, ChokeError> {
        let Judged { inputs, judgement, gates, evidence, ticket, quote } = judged;
        let at = inputs.at();
        let decision = inputs.decision_id();
        let refusal =
            judgement.refusal.clone().or_else(|| gates.iter().find(|g| !g.holds()).and_then(|g| g.reason.clone()));
        let packet = Packet::seal(self.build(), inputs, judgement, gates, evidence)
            .map_err(|e| ChokeError::Record(e.to_string()))?;
        let mut facts = vec![self.fact(at, What::Decided { packet: Box::new(packet) })];
        if let Some(refusal) = refusal {
            self.append(book, facts)?;
            return Ok(Verdict::Refused(refusal));
        }
        let Some(ticket) = ticket else {
            return Err(ChokeError::Record(format!("{decision} was admitted without a ticket")));
        };
        facts.push(self.fact(at, What::Intended { ticket: Box::new(ticket) }));
        let book = match self.append(book, facts) {
            Ok(book) => book,
            Err(BooksError::DuplicateDecision(_)) => return Ok(Verdict::Duplicate),
            Err(e) => return Err(e.into()),
        };
        self.send(call, &book, &decision, quote)
    }

    fn send(
        &self,
        call: &Call<'_>,
        book: &Book,
        decision: &DecisionId,
        quote: Option<Quote>,
    ) -> Result<Verdict, ChokeError> {
        let now = self.clock().now();
        let withdraw = |reason: String| -> Result<(), ChokeError> {
            let change = OrderEvent::Cancelled { reason };
            self.book_after_intent(vec![self.fact(now, What::Ordered { decision: decision.clone(), change })])
        };
        let (Some(order), Some(quote)) = (book.order(decision), quote) else {
            withdraw("no quote".into())?;
            return Ok(Verdict::NotFilled("no quote".into()));
        };
        let case = SendCase {
            at: now,
            switch: self.kill().read(now),
            read_at: now,
            zone: Ask::of(zone::at(self.market(), now, ZoneRules::STANDARD)),
            endpoint: self.broker().endpoint(),
        };
        let permit = match permit(book, decision, &case) {
            Ok(permit) => permit,
            Err(refused) => {
                withdraw(refused.reason.clone())?;
                return Ok(Verdict::Refused(refused.reason));
            }
        };
        let ack = match self.broker().submit(permit, order, &quote, now) {
            Ok(ack) => ack,
            Err(
                e @ (BrokerError::NotCovered(_)
                | BrokerError::NotSent(_)
                | BrokerError::NoQuote { .. }
                | BrokerError::NotAnEntry(_)),
            ) => {
                withdraw(e.to_string())?;
                return Ok(Verdict::NotFilled(e.to_string()));
            }
            Err(BrokerError::Unknown(why)) => {
                self.block("unknown_order", format!("{decision} may have been sent by {}: {why}", call.task()));
                return Err(ChokeError::Unknown(decision.clone(), why));
            }
        };
        let verdict = match &ack.status {
            AckStatus::Filled => Verdict::Filled(ack.fill.total),
            AckStatus::Working => Verdict::NotFilled("it works".into()),
            AckStatus::Cancelled { reason } | AckStatus::Rejected { reason } => Verdict::NotFilled(reason.clone()),
            AckStatus::Expired => Verdict::NotFilled("expired".into()),
        };
        let facts = self.facts_of(order, &ack, now);
        self.book_after_intent(facts)?;
        Ok(verdict)
    }

    /// Books what became of an intent. It is so whatever else was booked meanwhile: a conflict looks again and books it all the same.
    fn book_after_intent(&self, facts: Vec<Fact>) -> Result<(), ChokeError> {
        loop {
            match self.append(&self.book(), facts.clone()) {
                Ok(_) => return Ok(()),
                Err(BooksError::Conflict { .. }) => {}
                Err(e) => return Err(ChokeError::Record(format!("what became of an order could not be booked: {e}"))),
            }
        }
    }

    /// Clears up after a crash: an intent that was stored and that the broker has never seen is withdrawn; what the broker did with it meanwhile is booked.
    ///
    /// # Errors
    /// [`ChokeError`] when the books cannot be written, or when the broker does not answer: entries are closed then.
    pub fn reconcile_intents(&self) -> Result<usize, ChokeError> {
        let _one_at_a_time = self.hold_choke();
        let now = self.clock().now();
        let book = self.book();
        let mut settled = 0;
        for order in book.unsent() {
            let decision = order.ticket.decision.clone();
            let seen = self.broker().find(&order.client(), now).map_err(|e| {
                self.block("unknown_order", format!("{decision} was intended before the restart: {e}"));
                ChokeError::Unknown(decision.clone(), e.to_string())
            })?;
            let facts = match seen {
                Some(ack) => self.facts_of(order, &ack, now),
                // The rest of a replaced order has no way to be withdrawn; its mismatch closes entries until a person has looked.
                None if order.state == OrderState::Replaced => continue,
                None => {
                    let change = OrderEvent::Cancelled { reason: "never sent: the process ended before".into() };
                    vec![self.fact(now, What::Ordered { decision, change })]
                }
            };
            self.book_after_intent(facts)?;
            settled += 1;
        }
        Ok(settled)
    }
}
