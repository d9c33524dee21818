/** Every group of vectors, in the order of the file. */
import type { Book } from '../book.ts';
import { algorithms } from './algorithms.ts';
import { bundles } from './bundles.ts';
import { critical } from './critical.ts';
import { crls } from './crls.ts';
import { encoding } from './encoding.ts';
import { issued } from './issued.ts';
import { keyPeers } from './keyPeers.ts';
import { mail } from './mail.ts';
import { names } from './names.ts';
import { paths } from './paths.ts';
import { revocations } from './revocations.ts';
import { roles } from './roles.ts';
import { rolls } from './rolls.ts';
import { uri } from './uri.ts';
import { userCas } from './userCas.ts';
import { validity } from './validity.ts';

export const GROUPS: readonly ((book: Book) => void)[] = [
  algorithms,
  mail,
  uri,
  names,
  keyPeers,
  roles,
  encoding,
  validity,
  paths,
  critical,
  userCas,
  rolls,
  revocations,
  crls,
  bundles,
  issued,
];
