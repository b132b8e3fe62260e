import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { RetrainError } from '../errors.ts';

export interface RidgeProblem {
  /** Design rows of equal length; the first column is the intercept. */
  readonly rows: readonly Float64Array[];
  readonly targets: readonly number[];
  /** The penalty on the square of every weight but the intercept's, above 0. */
  readonly lambda: number;
}

/**
 * Ridge regression by the normal equations: the weights w that minimise |Xw - y|² + lambda * |w without intercept|².
 * Hoerl and Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems", Technometrics 12 (1970).
 *
 * @throws RetrainError `ARGUMENT_INVALID` when there is nothing to fit or the equations have no single solution.
 */
export function fitRidge({ rows, targets, lambda }: RidgeProblem): number[] {
  if (rows.length === 0 || rows.length !== targets.length || !(lambda > 0))
    throw new RetrainError(
      'ARGUMENT_INVALID',
      `cannot fit ${rows.length} rows to ${targets.length} targets with lambda ${lambda}: give as many targets as rows, at least one, and a lambda above 0`,
    );
  const design = new Matrix(rows.map((row) => [...row]));
  const transposed = design.transpose();
  const gram = transposed.mmul(design);
  for (let column = 1; column < gram.columns; column += 1) gram.set(column, column, gram.get(column, column) + lambda);
  const factors = new CholeskyDecomposition(gram);
  if (!factors.isPositiveDefinite())
    throw new RetrainError('ARGUMENT_INVALID', `${rows.length} rows do not determine the model: give other rows`);
  return factors.solve(transposed.mmul(Matrix.columnVector([...targets]))).getColumn(0);
}
