//! Reload: another desk under the running engine, all or nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use kobe_plan::Desk;
use kobe_plan::judge::Standing;

use super::{Engine, EngineError, EngineHandle, Message};
use crate::journal::Why;

/// Another desk, read and sound.
#[derive(Debug, Clone)]
pub struct NewDesk {
    /// The desk.
    pub desk: Arc<Desk>,
    /// Why its tasks do not run here as a whole, in its order.
    pub standing: Vec<Option<Standing>>,
}

/// What became of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// The new desk is in force.
    InForce,
    /// It was refused; the old one goes on.
    Refused(String),
    /// The engine did not answer in time, or is gone.
    Silent,
}

pub(super) struct Asked {
    new: NewDesk,
    answer: Sender<Reloaded>,
    /// Whoever comes first: the engine that takes it, or the asker who has stopped waiting.
    settled: Arc<AtomicBool>,
}

impl EngineHandle {
    /// Puts another desk in force between two turns, and waits for the answer at most so long.
    pub fn reload(&self, new: NewDesk, at_most: Duration) -> Reloaded {
        let ((answer, heard), settled) = (channel(), Arc::new(AtomicBool::new(false)));
        let asked = Asked { new, answer, settled: Arc::clone(&settled) };
        if self.0.send(Message::Reload(Box::new(asked))).is_err() {
            return Reloaded::Silent;
        }
        match heard.recv_timeout(at_most) {
            Ok(told) => told,
            // Taken back before the engine took it: it will never come into force.
            Err(_) if !settled.swap(true, Ordering::SeqCst) => Reloaded::Silent,
            // The engine is at it: there will be an answer, or no engine.
            Err(_) => heard.recv().unwrap_or(Reloaded::Silent),
        }
    }
}

impl Engine {
    pub(super) fn reload(&mut self, asked: Asked) {
        let Asked { new, answer, settled } = asked;
        if settled.swap(true, Ordering::SeqCst) {
            return;
        }
        if self.stop_by.is_some() {
            // A desk that ends takes no other; and the row of it could be waited for on a full disk.
            let _ = answer.send(Reloaded::Refused("the desk is being stopped".into()));
            return;
        }
        let told = match self.put_in_force(new) {
            Ok(told) => told,
            Err(error) => {
                let told = Reloaded::Refused(error.to_string());
                // Whatever it was, machine and rows may differ now: the engine ends with it before its next turn.
                self.fault.get_or_insert(error);
                told
            }
        };
        // Whoever asked may have stopped waiting.
        let _ = answer.send(told);
    }

    fn put_in_force(&mut self, new: NewDesk) -> Result<Reloaded, EngineError> {
        let now = self.ports.clock.now();
        // Whatever is due is planned by the old desk: nothing may lie between the two.
        self.turn(now, Vec::new())?;
        let stored = self.ports.store.recover()?.cursors;
        let mut standing = |ix: kobe_plan::TaskIx| new.standing.get(ix.at()).cloned().flatten();
        let mut machine = match self.scheduler.reload(Arc::clone(&new.desk), &mut standing, &stored, now) {
            Ok(machine) => machine,
            Err(error) => return Ok(Reloaded::Refused(error.to_string())),
        };
        let changes = machine.take_changes();
        let old_desk = std::mem::replace(&mut self.desk, Arc::clone(&new.desk));
        let old_machine = std::mem::replace(&mut self.scheduler, machine);
        self.begin_segment(now, Why::Reload);
        // One transaction: cursors and rows under the new desk, or none of it.
        if let Err(error) = self.commit_all(now, &changes) {
            self.desk = old_desk;
            self.scheduler = old_machine;
            return Err(error);
        }
        self.lateness.forget_slots();
        self.vitals.config.clone_from(&new.desk.hash);
        // Before the first turn of the new desk: whatever begins in it finds the new configuration in force.
        self.ports.pulse.reloaded(&new.desk);
        self.turn(now, Vec::new())?;
        Ok(Reloaded::InForce)
    }
}
