//! Rows of holdfast-bench on the indexes of other systems: usage: peers-lookups SCALE PEER ROW...
//! Prints "ROW VALUE" lines: what holdfast-bench prints for the rows of these names, measured in
//! the same way, of prompts of the same shapes.

use std::time::Instant;

use dynamo_kv_router::protocols::{
    ExternalSequenceBlockHash, KvCacheEvent, KvCacheEventData, KvCacheStoreData,
    KvCacheStoredBlockData, LocalBlockHash, RouterEvent,
};
use dynamo_kv_router::RadixTree;
use kv_index::{ChainBlockMap, ChainIndex, ContentHash, SequenceHash, StoredBlock};

const MILLION: f64 = 1e6;
const INSTANCES: u64 = 32;
const RANKS: u64 = 8;
/// Look-ups between two readings of the clock.
const GROUP: u64 = 64;
/// Blocks of one report.
const CALL: u64 = 256;

/// An index that knows workers by number and gets blocks as chains that begin a prompt.
trait Peer {
    type Report;
    type Prompt;
    fn new(workers: u64) -> Self;
    /// What the index is given, made outside of what is timed.
    fn report(worker: u64, chain: &[u64]) -> Self::Report;
    fn prompt(chain: &[u64]) -> Self::Prompt;
    fn store(&mut self, report: Self::Report);
    /// How many workers hold its first block, and the longest prefix: each worker's is looked at.
    fn find(&mut self, prompt: Self::Prompt) -> (usize, u32);
}

/// kv-index: runs of chains.
struct Chains {
    index: ChainIndex,
    maps: Vec<ChainBlockMap>,
    ids: Vec<u32>,
    scores: Vec<(u32, u32)>,
}

impl Peer for Chains {
    type Report = (u64, Vec<StoredBlock>);
    type Prompt = Vec<ContentHash>;
    fn new(workers: u64) -> Self {
        let index = ChainIndex::new();
        let ids = (0..workers)
            .map(|worker| index.intern_worker(&format!("worker-{worker}")).expect("too many workers"))
            .collect();
        let maps = (0..workers).map(|_| ChainBlockMap::new()).collect();
        Self { index, maps, ids, scores: Vec::new() }
    }
    fn report(worker: u64, chain: &[u64]) -> Self::Report {
        let block = |&key: &u64| StoredBlock { seq_hash: SequenceHash(key), content_hash: ContentHash(key) };
        (worker, chain.iter().map(block).collect())
    }
    fn prompt(chain: &[u64]) -> Self::Prompt {
        chain.iter().map(|&key| ContentHash(key)).collect()
    }
    fn store(&mut self, (worker, blocks): Self::Report) {
        let at = worker as usize;
        self.index.apply_stored(self.ids[at], &blocks, None, &mut self.maps[at]).expect("not stored");
    }
    fn find(&mut self, prompt: Self::Prompt) -> (usize, u32) {
        // Its way that allocates nothing.
        let scores = &mut self.scores;
        scores.clear();
        self.index.score_into(&prompt, |hash| hash.0, false, |worker, score| scores.push((worker, score)));
        (scores.len(), scores.iter().map(|&(_, score)| score).max().unwrap_or(0))
    }
}

/// Dynamo's tree of the default router.
struct Tree(RadixTree);

impl Peer for Tree {
    type Report = RouterEvent;
    type Prompt = Vec<LocalBlockHash>;
    fn new(_: u64) -> Self {
        Self(RadixTree::new())
    }
    fn report(worker: u64, chain: &[u64]) -> Self::Report {
        let block = |&key: &u64| KvCacheStoredBlockData {
            block_hash: ExternalSequenceBlockHash(key),
            tokens_hash: LocalBlockHash(key),
            mm_extra_info: None,
        };
        let data = KvCacheEventData::Stored(KvCacheStoreData {
            parent_hash: None,
            start_position: None,
            blocks: chain.iter().map(block).collect(),
        });
        RouterEvent::new(worker, KvCacheEvent { event_id: 0, data, dp_rank: 0 })
    }
    fn prompt(chain: &[u64]) -> Self::Prompt {
        chain.iter().map(|&key| LocalBlockHash(key)).collect()
    }
    fn store(&mut self, report: Self::Report) {
        self.0.apply_event(report).expect("not stored");
    }
    fn find(&mut self, prompt: Self::Prompt) -> (usize, u32) {
        let scores = self.0.find_matches(prompt, false).scores;
        (scores.len(), scores.values().copied().max().unwrap_or(0))
    }
}

fn mixed(number: u64) -> u64 {
    let mut x = number;
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D049BB133111EB);
    x ^ (x >> 31)
}

fn key(number: u64) -> u64 {
    mixed(number + 0x5DEECE66D)
}

fn scaled(size: f64, scale: f64) -> u64 {
    ((size * scale) as u64).max(1)
}

/// Chunks of a prompt, and how many of its first every rank of the fleet holds.
struct Shape {
    length: u64,
    shared: u64,
    chunks: f64,
}

struct Fleet<P: Peer> {
    peer: P,
    shape: Shape,
    systems: u64,
    prompts: u64,
}

impl<P: Peer> Fleet<P> {
    fn new(shape: Shape, scale: f64) -> Self {
        let systems = if shape.shared == 0 { 0 } else { scaled(100.0, scale).min(100) };
        let prompts = (scaled(shape.chunks, scale) / (shape.length - shape.shared)).max(INSTANCES);
        let mut fleet = Self { peer: P::new(INSTANCES * RANKS), shape, systems, prompts };
        for system in 0..systems {
            let beginning: Vec<u64> = fleet.chain(system).drain(..fleet.shape.shared as usize).collect();
            for worker in 0..INSTANCES * RANKS {
                fleet.peer.store(P::report(worker, &beginning));
            }
        }
        for prompt in 0..prompts {
            let chain = fleet.chain(prompt);
            for rank in 0..RANKS {
                fleet.peer.store(P::report(prompt % INSTANCES * RANKS + rank, &chain));
            }
        }
        fleet
    }

    fn chain(&self, prompt: u64) -> Vec<u64> {
        let own = self.shape.length - self.shape.shared;
        let system = if self.systems == 0 { 0 } else { prompt % self.systems };
        let beginning = self.prompts * own + system * self.shape.shared;
        let shared = (0..self.shape.shared).map(|i| key(beginning + i));
        shared.chain((0..own).map(|i| key(prompt * own + i))).collect()
    }

    /// M chunks/s of look-ups of any prompts.
    fn look_up(&mut self, scale: f64) -> f64 {
        let length = self.shape.length;
        let lookups = scaled(64.0 * MILLION / length as f64, scale).max(1000).div_ceil(GROUP) * GROUP;
        let workers = if self.shape.shared == 0 { RANKS } else { INSTANCES * RANKS };
        let mut random = 1u64;
        let mut seconds = 0.0;
        for _ in 0..lookups / GROUP {
            let group: Vec<P::Prompt> = (0..GROUP)
                .map(|_| {
                    random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    P::prompt(&self.chain((random >> 32) % self.prompts))
                })
                .collect();
            let mut wrong = false;
            let begin = Instant::now();
            for prompt in group {
                let (found, longest) = self.peer.find(prompt);
                wrong |= found as u64 != workers || u64::from(longest) != length;
            }
            seconds += begin.elapsed().as_secs_f64();
            assert!(!wrong, "a look-up did not find its prompt");
        }
        (lookups * length) as f64 / seconds / MILLION
    }
}

/// M blocks/s of the reports of all workers, worker after worker or in turns.
fn insert<P: Peer>(workers: u64, calls: u64, in_turns: bool) -> f64 {
    let mut peer = P::new(workers);
    let mut seconds = 0.0;
    let mut take = |worker: u64, call: u64| {
        let chain: Vec<u64> = (0..CALL).map(|i| key(call * CALL + i)).collect();
        let report = P::report(worker, &chain);
        let begin = Instant::now();
        peer.store(report);
        seconds += begin.elapsed().as_secs_f64();
    };
    if in_turns {
        (0..calls).for_each(|call| take(call % workers, call));
        return (calls * CALL) as f64 / seconds / MILLION;
    }
    (0..workers).for_each(|worker| (0..calls).for_each(|call| take(worker, call)));
    (workers * calls * CALL) as f64 / seconds / MILLION
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("no /proc");
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("no number of pages") * 4096
}

/// Bytes a membership, resident.
fn memory<P: Peer>(workers: u64, calls: u64, shared: bool) -> f64 {
    let before = resident();
    let mut peer = P::new(workers);
    for call in 0..calls {
        for worker in 0..workers {
            let first = (if shared { 0 } else { worker * calls } + call) * CALL;
            let chain: Vec<u64> = (0..CALL).map(|i| key(first + i)).collect();
            peer.store(P::report(worker, &chain));
        }
    }
    (resident() - before) as f64 / (workers * calls * CALL) as f64
}

fn measure<P: Peer>(row: &str, scale: f64) -> f64 {
    let fleet = |length: u64, shared: u64, chunks: f64| {
        Fleet::<P>::new(Shape { length, shared, chunks: chunks * MILLION }, scale).look_up(scale)
    };
    let calls = |chunks: f64| (scaled(chunks * MILLION, scale) / CALL).max(1);
    match row {
        "lookup_32" => fleet(32, 0, 50.0),
        "lookup_512" => fleet(512, 0, 20.0),
        "lookup_shared_32" => fleet(32, 16, 50.0),
        "lookup_shared_128" => fleet(128, 64, 50.0),
        "index_insert" => insert::<P>(50, calls(50.0), true),
        "index_insert_ranks" => insert::<P>(8, calls(10.0), false),
        "memory_distinct" => memory::<P>(100, calls(1.0), false),
        "memory_ranks" => memory::<P>(8, calls(10.0), true),
        _ => panic!("there is no row {row}"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scale, peer, rows @ ..] = arguments.as_slice() else {
        eprintln!("usage: peers-lookups SCALE kv-index|dynamo ROW...");
        std::process::exit(2);
    };
    let scale: f64 = scale.parse().expect("a scale");
    for row in rows {
        let value = match peer.as_str() {
            "kv-index" => measure::<Chains>(row, scale),
            "dynamo" => measure::<Tree>(row, scale),
            _ => panic!("there is no peer {peer}"),
        };
        println!("{row} {value:.3}");
    }
}
