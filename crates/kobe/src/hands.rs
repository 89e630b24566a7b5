//! Hands: each kind of work goes to its handler, and what may trade waits until the desk is ready.
//!
//! Functions of the desk pass the gate with every order; a program that may trade passes only here, before it starts: the kill switch, and what keeps the desk from entries.

use std::sync::Arc;

use kobe_desk::Services;
use kobe_engine::{Attempt, Handler, Stop};
use kobe_handlers::CommandHandler;
use kobe_plan::task::Work;
use kobe_plan::{Outcome, TradeRight};
use kobe_trade::order::Intent;

use crate::readying::Ready;

/// Gives each kind of work to its handler.
pub struct Hands<F> {
    /// Starts programs.
    pub commands: CommandHandler,
    /// Performs the desk's functions.
    pub functions: F,
    /// What may trade waits for this.
    pub ready: Ready,
    /// Knows what keeps the desk from trading.
    pub services: Arc<Services>,
}

impl<F> Hands<F> {
    /// Returns why a program that may trade is not started now. Functions of the desk send no order past the gate; a program has only this.
    fn keeps_from_trading(&self, attempt: &Attempt) -> Option<String> {
        let intent = match attempt.task().right {
            TradeRight::None => return None,
            TradeRight::Reduce => Intent::Exit,
            TradeRight::Open => Intent::Entry,
        };
        let switch = self.services.kill().read(attempt.now);
        let answer = kobe_trade::kill::judge(&switch, self.services.book().kill(), attempt.now, intent);
        if !answer.passes() {
            return Some(format!("kill switch: {answer}"));
        }
        let blocks = self.services.blocks();
        (intent == Intent::Entry && !blocks.is_empty()).then(|| blocks.join("; "))
    }
}

impl<F: Handler> Handler for Hands<F> {
    fn run(&self, attempt: &Attempt, stop: &Stop) -> Outcome {
        if attempt.task().right.trades() && !self.ready.wait(stop) {
            return Outcome::Interrupted;
        }
        match attempt.task().work {
            Work::Command(_) => match self.keeps_from_trading(attempt) {
                Some(why) => Outcome::Gated(why.into()),
                None => self.commands.run(attempt, stop),
            },
            Work::Call(_) => self.functions.run(attempt, stop),
        }
    }
}
