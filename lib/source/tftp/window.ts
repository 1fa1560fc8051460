import { blockAfter } from './packet.ts';

/**
 * What is to be done with a block:
 * - `taken`: it is the next, and more of its window come
 * - `last of window`: it is the next, and the server waits for an acknowledgement
 * - `gap`: one before it is missing: the last one in order is to be acknowledged, and the server goes on from there
 * - `repeated`: it was acknowledged already, and either came twice or its acknowledgement was lost
 * - `ignored`: there is nothing to do
 */
export type Arrival = 'taken' | 'last of window' | 'gap' | 'repeated' | 'ignored';

export interface BlockWindow {
  /** The number of the last block in order; 0 before the first. */
  readonly inOrder: number;
  arrived(block: number): Arrival;
  /** In silence the last block in order was acknowledged: the server begins a window behind it. */
  restart(): void;
}

/**
 * The order of blocks (RFC 7440, section 4). Of the blocks behind a gap one is answered: the server sends its window
 * anew for every answer, and all but the first of these would come for nothing.
 */
export function blockWindow(windowInBlocks: number): BlockWindow {
  let inOrder = 0;
  let acknowledged = 0;
  let sinceAcknowledgement = 0;
  let isGapTold = false;
  const restart = () => {
    sinceAcknowledgement = 0;
    acknowledged = inOrder;
  };
  return {
    get inOrder() {
      return inOrder;
    },
    arrived(block) {
      if (block === blockAfter(inOrder)) {
        inOrder = block;
        isGapTold = false;
        sinceAcknowledgement += 1;
        if (sinceAcknowledgement < windowInBlocks) return 'taken';
        restart();
        return 'last of window';
      }
      // Numbers start again at 0: what is less than half of them ahead is ahead.
      const ahead = (block - inOrder) & 0xffff;
      if (ahead > 0 && ahead < 0x8000) {
        if (isGapTold || ahead > windowInBlocks) return 'ignored';
        isGapTold = true;
        restart();
        return 'gap';
      }
      return block === acknowledged && sinceAcknowledgement === 0 ? 'repeated' : 'ignored';
    },
    restart,
  };
}
