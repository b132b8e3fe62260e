package sdks;

/** One behaviour: it throws when the broker does otherwise. */
record Case(String name, Steps steps) {

    @FunctionalInterface
    interface Steps {
        void run(Scene t) throws Exception;
    }
}
