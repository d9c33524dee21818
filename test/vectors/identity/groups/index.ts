/** Every group of vectors, in the order of the file. */
import type { Book } from '../book.ts';
import { algorithms } from './algorithms.ts';
import { mail } from './mail.ts';
import { uri } from './uri.ts';

export const GROUPS: readonly ((book: Book) => void)[] = [algorithms, mail, uri];
