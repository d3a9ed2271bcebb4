import { testModels } from '../../../../test/model-golden.ts';
import { compile } from '../../../../test/run.ts';

testModels(compile);
