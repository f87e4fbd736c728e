import assert from 'node:assert/strict';
import { activate, until } from '../host.ts';

describe('A secret that the editor keeps', () => {
  it('is a setting of its folders at once, is masked, and goes again', async () => {
    const { folders, secrets } = await activate();
    const app = await folders.all()[0]!.app();
    const source = (): string => app.config().sources.ntfyToken;
    assert.equal(source(), 'default');
    await secrets.store('AMPA_NTFY_TOKEN', 'kept-by-the-editor');
    await until('it is read', () => source() === 'SecretStorage');
    assert.equal(app.config().values.ntfyToken, 'kept-by-the-editor');
    assert.ok(app.secrets().includes('kept-by-the-editor'));
    await secrets.store('AMPA_NTFY_TOKEN', '');
    await until('it is forgotten', () => source() === 'default');
    assert.equal(app.config().values.ntfyToken, '');
  });
});
