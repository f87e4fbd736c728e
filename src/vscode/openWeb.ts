import * as vscode from 'vscode';
import { AmpaError } from '../errors.ts';

/** Opens an address of the web, no other: what a page or a store says must not start programs. */
export async function openWeb(url: string): Promise<void> {
  const uri = vscode.Uri.parse(url, true);
  if (uri.scheme !== 'https' && uri.scheme !== 'http')
    throw new AmpaError('refused', `Not a web address: ${url.slice(0, 200)}`, '');
  await vscode.env.openExternal(uri);
}
