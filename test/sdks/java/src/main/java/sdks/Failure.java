package sdks;

/** What ends a case: the broker does otherwise than expected. */
final class Failure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Failure(String reason) {
        super(reason);
    }
}
